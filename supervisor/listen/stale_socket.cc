#include "supervisor/listen/stale_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "proto/fd.h"

namespace prefork {
namespace {

/// 0: a process listens on the socket of this file; ECONNREFUSED: none does; or another errno. Never waits.
int connect_error(const std::string& path) {
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return errno;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), std::min(path.size(), sizeof(name.sun_path) - 1));
  const bool connected = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0;
  return connected || errno == EAGAIN ? 0 : errno;  // EAGAIN: its backlog is full
}

/// Gives the file its name again, unless another process has taken the name meanwhile.
void put_back(const std::string& aside, const std::string& path) {
  if (::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) return;
  // EINVAL: a file system that cannot, such as NFS. A second name does not replace anything either.
  if (errno == EINVAL && ::link(aside.c_str(), path.c_str()) == 0) (void)::unlink(aside.c_str());
}

Error in_use() { return Error{"Address already in use; another process listens there"}; }

}  // namespace

Result<void> remove_stale_socket(const std::string& path) {
  // Held open, so that no other file can get its inode number meanwhile.
  const Fd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) return errno == ENOENT ? Result<void>() : Result<void>(system_error("cannot open it"));
  struct stat found {};
  if (::fstat(file.get(), &found) < 0) return system_error("fstat");
  if (!S_ISSOCK(found.st_mode)) {
    return Error{
        "there is something else at that path, which is not a socket; remove it or choose another path"};
  }
  const int error = connect_error(path);
  if (error == ENOENT) return {};  // another process that starts has just removed it
  if (error != ECONNREFUSED)
    return error == 0 ? Result<void>(in_use()) : Result<void>(system_error("connect", error));

  // By now the path may have the socket of another process that starts, or this socket may have begun to
  // listen. So it is taken from the path first, which only one process can do, and then looked at again.
  const std::string aside = path + "." + std::to_string(::getpid()) + "~";
  if (::rename(path.c_str(), aside.c_str()) < 0) {
    return errno == ENOENT ? Result<void>() : Result<void>(system_error("cannot remove the stale socket"));
  }
  struct stat taken {};
  const bool same =
      ::lstat(aside.c_str(), &taken) == 0 && taken.st_dev == found.st_dev && taken.st_ino == found.st_ino;
  if (same && connect_error("/proc/self/fd/" + std::to_string(file.get())) != 0) {
    (void)::unlink(aside.c_str());
    return {};
  }
  put_back(aside, path);
  return in_use();
}

}  // namespace prefork
