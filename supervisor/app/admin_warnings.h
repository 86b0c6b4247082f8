// Warns of what keeps the admin process from its work, and of keys that have no effect. Called at the start,
// at a reload and by `check`. Never a reason to refuse the file.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// One line each. `file` is the file of the configuration.
[[nodiscard]] std::vector<std::string> admin_warnings(const Config& config, const std::string& file);

}  // namespace prefork
