// Which of the limits of workers the kernel would refuse to set: as setrlimit(2), without setting one. Called
// by `supervisor check`, at a start and at a reload.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// What the process that starts the workers may do. Its hard limits are those of this process.
struct StarterRights {
  bool any_user = false;       ///< start workers as any user
  bool higher_limits = false;  ///< raise a hard limit: CAP_SYS_RESOURCE
};

/// One line each, with file and place: then no worker can be started. What is not known refuses nothing.
[[nodiscard]] std::vector<std::string> limit_faults(const Config& config, const std::string& file,
                                                    const StarterRights& rights);

}  // namespace prefork
