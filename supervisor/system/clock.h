// The supervisor's clock: monotonic, and the only one that decisions use. Beside it the processor time, which
// measures work: unlike the clock it stands still while other processes run.
#pragma once

#include <chrono>
#include <ctime>

#include "supervisor/core/ids.h"

namespace prefork {

[[nodiscard]] inline Instant current_time() { return std::chrono::steady_clock::now(); }

/// The processor time of this thread since its start.
[[nodiscard]] inline Duration processor_time() {
  timespec time{};
  (void)::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace prefork
