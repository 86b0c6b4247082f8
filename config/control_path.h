// The path of the control socket: the key `control`, for the supervisor that opens it and for the commands
// that connect to it.
#pragma once

#include <string>

#include "config/config.h"
#include "config/document.h"
#include "config/problems.h"
#include "proto/result.h"

namespace prefork {

/// The absolute path; a relative one in the document begins in `directory`. Empty when the key is missing, or
/// has a mistake, which becomes a problem.
[[nodiscard]] std::string read_control_path(const Document& document, const std::string& directory,
                                            Problems& problems);

/// Refuses what would be the name of a file, but is meant as an address of TCP or as a port. Only in a new
/// file: a supervisor may run with such a path.
void refuse_control_address(const Document& document, Problems& problems);

/// The same path from a file whose other keys may be wrong or missing. The error is one line for a person.
[[nodiscard]] Result<std::string> control_path_of(const std::string& file);

/// The socket at this path as an address to listen at; only its owner may connect.
[[nodiscard]] ListenAddress control_address(const std::string& path);

}  // namespace prefork
