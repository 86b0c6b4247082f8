// Tells what a user cannot reach: what root checks, others may not be able to use. The process asks for the
// user that it has, in a child of another user if need be (system/as_user.h). For a user that it cannot
// become, it looks at modes. app/pool_reach.h asks for all pools.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// Why the user cannot run the pool's program in the pool's directory, or cannot read the accept library in
/// `libraries`. One line each, with file and place. `by_modes`: null is the user of the present process. Any
/// other user is refused only what modes deny for sure: a file system that has access control lists must say
/// that there is none.
[[nodiscard]] std::vector<std::string> start_faults(const Config& config, const PoolConfig& pool,
                                                    const std::string& file, const std::string& libraries,
                                                    const Identity* by_modes = nullptr);
/// Why this user, which the supervisor becomes, cannot read the file again and check what it names: then a
/// reload is refused. And why it cannot open the log file again.
[[nodiscard]] std::vector<std::string> reload_faults(const Config& config, const std::string& file);
/// Why this user, which the supervisor is, cannot open the log file again: lines stay in a file that was
/// renamed.
[[nodiscard]] std::vector<std::string> log_file_faults(const Config& config, const std::string& file);
/// Why a supervisor that this user starts now cannot open its log file, and so does not start.
[[nodiscard]] std::vector<std::string> log_file_start_faults(const Config& config, const std::string& file);

}  // namespace prefork
