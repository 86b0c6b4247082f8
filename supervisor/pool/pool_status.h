// The status of one pool: from the core's tables, its listeners and its processes. PoolRunner asks for it.
#pragma once

#include <cstdint>
#include <optional>

#include "config/config.h"
#include "supervisor/control/status.h"
#include "supervisor/core/pool.h"
#include "supervisor/listen/listener_set.h"
#include "supervisor/workers/process_table.h"

namespace prefork {

[[nodiscard]] PoolStatus status_of(const PoolConfig& config, const Pool& pool,
                                   const ListenerSet::Listeners& listeners, const ProcessTable& processes,
                                   bool workers);
/// Of the worker with this number, if there is one.
[[nodiscard]] std::optional<WorkerStatusLine> worker_status(const Pool& pool, const ProcessTable& processes,
                                                            std::uint64_t number);
/// What the one-line summary of all pools says of this one.
[[nodiscard]] PoolSummary summary_of(const PoolConfig& config, const Pool& pool);

}  // namespace prefork
