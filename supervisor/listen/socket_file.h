// The file of a bound unix socket. The owner of its directory may put anything in its place at any time, so
// owner and mode are set on the opened file, never on the path.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

class SocketFile {
 public:
  /// The file at `path`, which `socket` is bound to. An error when something else is at the path: another
  /// file than `expected`, if that is known, or one that has a second name.
  [[nodiscard]] static Result<SocketFile> open(const std::string& path, int socket,
                                               std::optional<ino_t> expected = {});

  [[nodiscard]] ino_t inode() const { return inode_; }
  /// The file has no name any more. Never waits: the file system is not asked.
  [[nodiscard]] bool is_removed() const;
  /// The path has no file now, or another one. False when that cannot be known. May wait for the file system.
  [[nodiscard]] bool is_gone_from(const std::string& path) const;
  /// -1 changes nothing.
  [[nodiscard]] Result<void> set_owner(uid_t owner, gid_t group) const;
  [[nodiscard]] Result<void> set_mode(mode_t mode) const;

 private:
  SocketFile(Fd file, ino_t inode) : file_(std::move(file)), inode_(inode) {}

  Fd file_;  ///< O_PATH
  ino_t inode_;
};

}  // namespace prefork
