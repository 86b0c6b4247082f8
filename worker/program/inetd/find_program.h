// The program that each connection gets: where it is, and whether it can be executed.
#pragma once

#include <string>

#include "proto/result.h"

namespace prefork::worker {

/// A path: `name` itself if it has a slash, else the first executable file of that name in PATH, as a shell
/// looks for it. Error: in words for the log.
[[nodiscard]] Result<std::string> find_program(const std::string& name);

/// Whether this process may execute the regular file at `path`. Does not read the file: a file that is no
/// program is noticed when it is executed.
[[nodiscard]] Result<void> check_program(const std::string& path);

}  // namespace prefork::worker
