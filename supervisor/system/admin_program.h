// Where the program of the admin process is: in the tree of the build that the running program is part of,
// else where it is installed.
#pragma once

#include <string>

namespace prefork {

/// The path. In the tree of a build the variable SUPERVISOR_ADMIN_PROGRAM replaces it, for tests.
[[nodiscard]] std::string admin_program();

}  // namespace prefork
