// Judges from the status of a supervisor whether it can serve. For the command health.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace prefork {

struct Health {
  bool healthy = true;
  std::vector<std::string> lines;  ///< one for each pool
};

/// Healthy: the supervisor is not stopping, and every pool has a ready worker or is configured to have none.
/// Pools that a reload has removed do not count, nor does the admin process, which has a line when it fails.
/// `status` is the answer to the method "status".
[[nodiscard]] Health judge_health(const nlohmann::ordered_json& status);

}  // namespace prefork
