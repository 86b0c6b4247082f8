// Whether a supervisor can serve, judged by its status.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace prefork {

struct Health {
  bool healthy = true;
  std::vector<std::string> lines;  ///< one for each pool
};

/// Healthy: not stopping, and every pool has a worker that is ready or is meant to have none. Pools that a
/// reload has removed do not count. `status` is the answer to the method of that name.
[[nodiscard]] Health judge_health(const nlohmann::ordered_json& status);

}  // namespace prefork
