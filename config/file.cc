#include "config/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "proto/fd.h"

namespace prefork {
namespace {

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

Result<std::string> read_whole(const Fd& fd) {
  std::string text(kMaxConfigBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0) {
      const int error = errno;
      if (error == EINTR) continue;
      return system_error("cannot be read", error);
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMaxConfigBytes) return Error{"is larger than 1 MiB"};
  text.resize(size);
  return text;
}

}  // namespace

Result<std::string> read_config_file(const std::string& file) {
  if (file.find('\0') != std::string::npos) return Error{"cannot be read: its name contains a NUL byte"};
  // O_NONBLOCK: otherwise open() of a FIFO waits for a writer.
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid() && errno == EACCES)
    return system_error("cannot be read by user " + std::to_string(::geteuid()));
  if (!fd.valid()) return system_error("cannot be read");
  struct stat info = {};
  if (::fstat(fd.get(), &info) != 0) return system_error("cannot be read");
  if (!S_ISREG(info.st_mode)) {
    return Error{std::string("is ") + kind_of(info.st_mode) + "; a regular file is needed"};
  }
  if (info.st_size > static_cast<off_t>(kMaxConfigBytes)) return Error{"is larger than 1 MiB"};
  return read_whole(fd);
}

}  // namespace prefork
