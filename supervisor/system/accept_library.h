// Where the libraries are that are preloaded into programs with the protocol accept: in the tree of the build
// that the running program is part of, else where they are installed.
#pragma once

#include <string>

namespace prefork {

/// The directory; beside it is that of the module for Node programs. Asked for anew at each use: a new
/// program of an upgrade in place has another one.
[[nodiscard]] std::string accept_library_directory();

}  // namespace prefork
