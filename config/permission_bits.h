// What the owner, group and mode of a file allow a user: for questions about another user than that of the
// present process.
#pragma once

#include <sys/stat.h>

#include "config/process_config.h"

namespace prefork {

/// `wanted`: the bits 4 (read), 2 (write) and 1 (execute, or enter), as in access(2). Ignores access control
/// lists and root's privileges.
[[nodiscard]] bool permitted(const struct stat& info, const Identity& identity, mode_t wanted);

}  // namespace prefork
