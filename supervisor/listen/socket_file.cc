#include "supervisor/listen/socket_file.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace prefork {
namespace {

// As <linux/un.h> has it, which cannot be included together with <sys/un.h>.
constexpr unsigned long kSocketFile = SIOCPROTOPRIVATE;

Error other_file() { return Error{"something else has been put in the place of the socket"}; }

/// Whether the kernel says that `socket` is bound to another file. It tells this only to CAP_NET_ADMIN.
bool bound_elsewhere(int socket, const struct stat& file) {
  const Fd bound(::ioctl(socket, kSocketFile));
  struct stat status {};
  return bound.valid() && ::fstat(bound.get(), &status) == 0 &&
         (status.st_dev != file.st_dev || status.st_ino != file.st_ino);
}

}  // namespace

Result<SocketFile> SocketFile::open(const std::string& path, int socket, std::optional<ino_t> expected) {
  // With O_PATH and O_NOFOLLOW a symbolic link is opened itself, and nothing is waited for.
  Fd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) < 0) return system_error("cannot open the socket's file");
  const bool other = expected && *expected != status.st_ino;
  // A second name: of a socket that was elsewhere before.
  if (!S_ISSOCK(status.st_mode) || status.st_nlink != 1 || other || bound_elsewhere(socket, status))
    return other_file();
  return SocketFile(std::move(file), status.st_ino);
}

bool SocketFile::is_removed() const {
  struct statx status {};
  return ::statx(file_.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_NLINK, &status) == 0 &&
         status.stx_nlink == 0;
}

bool SocketFile::is_gone_from(const std::string& path) const {
  struct stat ours {};
  struct stat there {};
  if (::fstat(file_.get(), &ours) < 0) return false;
  if (::lstat(path.c_str(), &there) < 0) return errno == ENOENT || errno == ENOTDIR;
  return ours.st_dev != there.st_dev || ours.st_ino != there.st_ino;
}

Result<void> SocketFile::set_owner(uid_t owner, gid_t group) const {
  if (::fchownat(file_.get(), "", owner, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0) return {};
  return system_error("cannot change the socket's owner");
}

Result<void> SocketFile::set_mode(mode_t mode) const {
  // fchmod(2) refuses O_PATH. fchmodat2(2) came with Linux 6.6; before that /proc has a name for the file.
  constexpr long kFchmodat2 = 452;  // the same on all architectures
  if (::syscall(kFchmodat2, file_.get(), "", mode, AT_EMPTY_PATH) == 0) return {};
  const std::string name = "/proc/self/fd/" + std::to_string(file_.get());
  if (::chmod(name.c_str(), mode) == 0) return {};
  return system_error("cannot change the socket's mode");
}

}  // namespace prefork
