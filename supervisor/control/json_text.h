// The JSON form of values at the control socket.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "supervisor/core/ids.h"
#include "supervisor/core/worker_row.h"

namespace prefork {

/// On one line. Bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& value);

/// With three decimals.
[[nodiscard]] inline double milliseconds(Duration duration) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) / 1000;
}

[[nodiscard]] inline const char* role_name(WorkerRole role) {
  return role == WorkerRole::kTemplate ? "template" : "worker";
}

}  // namespace prefork
