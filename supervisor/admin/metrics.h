// The supervisor's status as metrics: docs/admin.md has their table. Pure.
#pragma once

#include <string>

#include "supervisor/admin/accept_header.h"
#include "supervisor/admin/json_read.h"

namespace prefork {

struct MetricsWanted {
  MetricsFormat format = MetricsFormat::kText;
  bool workers = false;   ///< with those of each worker that is in the status
  double start_time = 0;  ///< of the supervisor, unix time in seconds
};

[[nodiscard]] std::string metrics_text(const Json& status, const MetricsWanted& wanted);

}  // namespace prefork
