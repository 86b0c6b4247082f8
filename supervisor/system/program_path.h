// Where the running program's file is: to start it again after the file was replaced by a newer one, and to
// find what is installed beside it.
#pragma once

#include <string>

#include "proto/result.h"

#include <sys/stat.h>

namespace prefork {

/// To be asked at start, while the file is still the one that runs. The absolute path that `argv0` named
/// then, if that is the running program: a symbolic link in it is followed anew each time. Otherwise where
/// the kernel says that the program is; empty when it does not.
[[nodiscard]] std::string program_path(const char* argv0);

/// The directory of the running program; empty when /proc cannot be read.
[[nodiscard]] std::string own_directory();

/// Which file a path names, and in which state: to notice that it was replaced meanwhile.
class FileIdentity {
 public:
  [[nodiscard]] static Result<FileIdentity> of(const std::string& path);
  bool operator==(const FileIdentity& other) const;

 private:
  struct stat status_ {};
};

}  // namespace prefork
