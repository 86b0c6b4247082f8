#include "worker/program/inetd/find_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>

namespace prefork::worker {

Result<void> check_program(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) < 0) return system_error(path);
  if (S_ISDIR(found.st_mode)) return system_error(path, EISDIR);
  if (!S_ISREG(found.st_mode)) return Error{path + ": not a regular file"};
  // With the rights that exec counts, those of the effective user.
  if (::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) < 0) return system_error(path);
  return {};
}

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (auto usable = check_program(name); !usable) return usable.error();
    return name;
  }
  const char* path = std::getenv("PATH");
  std::istringstream directories(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path);
  std::string unusable;  // found, but no program
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = (directory.empty() ? "." : directory) + '/' + name;
    const Result<void> usable = check_program(candidate);
    if (usable) return candidate;
    if (usable.error().code.value() != ENOENT && unusable.empty()) unusable = usable.error().message();
  }
  return Error{unusable.empty() ? name + ": not found in PATH" : unusable};
}

}  // namespace prefork::worker
