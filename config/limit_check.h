// Which of the limits of workers the kernel would refuse to set: as setrlimit(2), without setting one. Called
// by `supervisor check`, at a start and at a reload.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// What the process that starts the workers may do. Its hard limits are those of this process.
struct StarterRights {
  bool any_user = false;       ///< start workers as any user
  bool higher_limits = false;  ///< raise a hard limit: CAP_SYS_RESOURCE
};

/// The most descriptors that the kernel allows a process (fs.nr_open), if that is known.
[[nodiscard]] std::optional<std::uint64_t> max_descriptors();

/// One line each, with file and place: then no worker can be started. What is not known refuses nothing.
[[nodiscard]] std::vector<std::string> limit_faults(const Config& config, const std::string& file,
                                                    const StarterRights& rights);

}  // namespace prefork
