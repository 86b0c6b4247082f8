// The supervisor's clock: monotonic, and the only one that decisions use.
#pragma once

#include <chrono>

#include "supervisor/core/ids.h"

namespace prefork {

[[nodiscard]] inline Instant current_time() { return std::chrono::steady_clock::now(); }

}  // namespace prefork
