// Warns of probable mistakes with privileges: workers that run as root, a program that its workers can
// change. Called at the start, at a reload and by `check`. Never a reason to refuse the file.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// One line each. `file` is the file of the configuration; `as_root`: the supervisor runs, or will run, as
/// root.
[[nodiscard]] std::vector<std::string> privilege_warnings(const Config& config, const std::string& file,
                                                          bool as_root);

/// Whether a supervisor that was started as root can give up root: no pool needs it.
[[nodiscard]] bool every_pool_has_user(const Config& config);

}  // namespace prefork
