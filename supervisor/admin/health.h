// Whether the supervisor lives, and whether its pools can serve: from its status. Pure.
#pragma once

#include <string>
#include <vector>

#include "supervisor/admin/json_read.h"

namespace prefork {

struct Verdict {
  bool well = true;
  std::vector<std::string>
      lines;  ///< one for the supervisor where there is something to say, one for each pool
};

inline constexpr const char* kQueueIsFull = "the queue is full";

/// Why the pool can take no connection; empty: it can.
[[nodiscard]] std::string not_ready_because(const Json& pool);
/// Ready: not stopping, and each pool can take connections.
[[nodiscard]] Verdict readiness(const Json& status);

}  // namespace prefork
