// The clock of the supervisor: monotonic, and the only one it decides by.
#pragma once

#include <chrono>

#include "supervisor/core/ids.h"

namespace prefork {

[[nodiscard]] inline Instant current_time() { return std::chrono::steady_clock::now(); }

}  // namespace prefork
