// Tells what the user of the present process cannot reach: what root checks, others may not be able to use.
// `supervisor check` asks as each of the users that matter, and a start as the user that it will become, each
// in a process of its own.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// Why this user cannot run the pool's program in the pool's directory. One line each, with file and place.
[[nodiscard]] std::vector<std::string> start_faults(const Config& config, const PoolConfig& pool,
                                                    const std::string& file);
/// Why this user cannot read the file again and check what it names: then a reload is refused.
[[nodiscard]] std::vector<std::string> reload_faults(const Config& config, const std::string& file);

}  // namespace prefork
