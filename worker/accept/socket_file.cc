#include "worker/accept/socket_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>

#include "worker/accept/context.h"
#include "worker/accept/raw.h"

namespace prefork::accept {
namespace {

bool has_path(const Address& address) {
  return address.family() == AF_UNIX && address.local.sun_path[0] != 0;
}

/// The path with its ending zero, which bind() does not need.
const char* path_of(const Address& address, char (&out)[sizeof(sockaddr_un::sun_path) + 1]) {
  std::memcpy(out, address.local.sun_path, sizeof(address.local.sun_path));
  out[sizeof(out) - 1] = 0;
  return out;
}

/// Splits at the last slash. Returns the name, or null if the directory is too long for `parent`.
const char* split(const char* path, char (&parent)[256]) {
  const char* slash = std::strrchr(path, '/');
  if (slash == nullptr) {
    std::memcpy(parent, ".", 2);
    return path;
  }
  const auto length = static_cast<std::size_t>(slash - path) + 1;  // with the slash, for that of "/name"
  if (length >= sizeof(parent)) return nullptr;
  std::memcpy(parent, path, length);
  parent[length] = 0;
  return slash + 1;
}

/// The same name in the same directory, also of a file that is gone: the supervisor removes it when it stops.
bool same_place(int directory, const char* path, const char* socket) {
  char here[256];
  char there[256];
  const char* name = split(path, here);
  const char* other = split(socket, there);
  if (name == nullptr || other == nullptr || std::strcmp(name, other) != 0) return false;
  struct stat one {};
  struct stat two {};
  return raw::call(raw::kStatAt, directory, here, &one, 0) == 0 &&
         raw::call(raw::kStatAt, AT_FDCWD, there, &two, 0) == 0 && one.st_ino == two.st_ino &&
         one.st_dev == two.st_dev;
}

bool same_file(int directory, const char* path, const Address& pool) {
  char room[sizeof(sockaddr_un::sun_path) + 1];
  const char* socket = path_of(pool, room);
  if (std::strcmp(path, socket) == 0 || same_place(directory, path, socket)) return true;
  struct stat one {};
  struct stat other {};
  return raw::call(raw::kStatAt, directory, path, &one, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(one.st_mode) &&
         raw::call(raw::kStatAt, AT_FDCWD, socket, &other, AT_SYMLINK_NOFOLLOW) == 0 &&
         one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

}  // namespace

bool same_socket_file(const Address& a, const Address& b) {
  char room[sizeof(sockaddr_un::sun_path) + 1];
  return has_path(a) && has_path(b) && same_file(AT_FDCWD, path_of(a, room), b);
}

bool is_pool_socket(int directory, const char* path) {
  if (!active() || path == nullptr) return false;
  for (std::size_t i = 0; i < context.settings.addresses; ++i) {
    const Address& pool = context.settings.address[i].address;
    if (has_path(pool) && same_file(directory, path, pool)) return true;
  }
  return false;
}

}  // namespace prefork::accept
