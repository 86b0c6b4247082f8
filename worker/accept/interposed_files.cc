// What programs do with the file of their unix socket: see socket_file.h. Removing it succeeds and does
// nothing. Its mode and owner are changed if the process may; if not, they are what the pool's configuration
// says, which is no failure.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>

#include "worker/accept/interposed.h"
#include "worker/accept/next_function.h"
#include "worker/accept/socket_file.h"

namespace prefork::accept {
namespace {

PREFORK_NEXT(unlink, int(const char*));
PREFORK_NEXT(unlinkat, int(int, const char*, int));
PREFORK_NEXT(remove, int(const char*));
PREFORK_NEXT(chmod, int(const char*, mode_t));
PREFORK_NEXT(fchmodat, int(int, const char*, mode_t, int));
PREFORK_NEXT(chown, int(const char*, uid_t, gid_t));
PREFORK_NEXT(lchown, int(const char*, uid_t, gid_t));
PREFORK_NEXT(fchownat, int(int, const char*, uid_t, gid_t, int));

int unless_pool_socket(int result, int directory, const char* path) {
  return result < 0 && errno == EPERM && is_pool_socket(directory, path) ? 0 : result;
}

}  // namespace

PREFORK_INTERPOSE(int, unlink, const char* path);
int interposed_unlink(const char* path) { return is_pool_socket(AT_FDCWD, path) ? 0 : next_unlink(path); }

PREFORK_INTERPOSE(int, unlinkat, int directory, const char* path, int flags);
int interposed_unlinkat(int directory, const char* path, int flags) {
  return is_pool_socket(directory, path) ? 0 : next_unlinkat(directory, path, flags);
}

PREFORK_INTERPOSE(int, remove, const char* path);
int interposed_remove(const char* path) { return is_pool_socket(AT_FDCWD, path) ? 0 : next_remove(path); }

PREFORK_INTERPOSE(int, chmod, const char* path, mode_t mode);
int interposed_chmod(const char* path, mode_t mode) {
  return unless_pool_socket(next_chmod(path, mode), AT_FDCWD, path);
}

PREFORK_INTERPOSE(int, fchmodat, int directory, const char* path, mode_t mode, int flags);
int interposed_fchmodat(int directory, const char* path, mode_t mode, int flags) {
  return unless_pool_socket(next_fchmodat(directory, path, mode, flags), directory, path);
}

PREFORK_INTERPOSE(int, chown, const char* path, uid_t user, gid_t group);
int interposed_chown(const char* path, uid_t user, gid_t group) {
  return unless_pool_socket(next_chown(path, user, group), AT_FDCWD, path);
}

PREFORK_INTERPOSE(int, lchown, const char* path, uid_t user, gid_t group);
int interposed_lchown(const char* path, uid_t user, gid_t group) {
  return unless_pool_socket(next_lchown(path, user, group), AT_FDCWD, path);
}

PREFORK_INTERPOSE(int, fchownat, int directory, const char* path, uid_t user, gid_t group, int flags);
int interposed_fchownat(int directory, const char* path, uid_t user, gid_t group, int flags) {
  return unless_pool_socket(next_fchownat(directory, path, user, group, flags), directory, path);
}

}  // namespace prefork::accept
