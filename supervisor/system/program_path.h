// Where the running program's file is: to start it again after the file was replaced by a newer one, and to
// find what is installed beside it.
#pragma once

#include <string>

#include "proto/result.h"

#include <sys/stat.h>

namespace prefork {

/// The absolute path that `argv0` names, if it names the running program: a symbolic link in it is followed
/// anew at each use. Otherwise the path that the kernel tells; empty when it does not. To be called at start,
/// before the file can be replaced.
[[nodiscard]] std::string program_path(const char* argv0);

/// The directory of the running program; empty when /proc cannot be read.
[[nodiscard]] std::string own_directory();

/// The file that a path names, and its state: two that differ show that the file was replaced.
class FileIdentity {
 public:
  [[nodiscard]] static Result<FileIdentity> of(const std::string& path);
  bool operator==(const FileIdentity& other) const;

 private:
  struct stat status_ {};
};

}  // namespace prefork
