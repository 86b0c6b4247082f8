// What is allowed but hardly meant: a pool whose workers are root, a program that they could change. Told at
// the start, at a reload and by `check`, and never a reason to refuse.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// One line each. `file` is the configuration's own; `as_root`: the supervisor is, or will be, started as
/// root.
[[nodiscard]] std::vector<std::string> privilege_warnings(const Config& config, const std::string& file,
                                                          bool as_root);

/// Whether a supervisor that was started as root can give that up: no pool needs it.
[[nodiscard]] bool every_pool_has_user(const Config& config);

}  // namespace prefork
