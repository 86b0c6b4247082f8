// The metrics of each worker, which are given only where they are asked for: their labels change with each
// start of a worker.
#pragma once

#include "supervisor/admin/json_read.h"
#include "supervisor/admin/metrics_writer.h"

namespace prefork {

void add_worker_metrics(const Json& status, MetricsWriter& out);

}  // namespace prefork
