#include "supervisor/system/config_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace prefork {

Result<Fd> lock_config(const std::string& file) {
  Fd lock(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!lock.valid()) return system_error(file);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return Error{file + ": another supervisor runs with this configuration"};
  return system_error(file + ": lock");
}

bool locks(const Fd& lock, const std::string& file) {
  struct stat locked {};
  struct stat named {};
  return ::fstat(lock.get(), &locked) == 0 && ::stat(file.c_str(), &named) == 0 &&
         locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

}  // namespace prefork
