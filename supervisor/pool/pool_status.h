// The live status of one pool, put together from the core's tables and from what only io/ knows: listeners
// and processes.
#pragma once

#include "config/config.h"
#include "supervisor/control/status.h"
#include "supervisor/core/pool.h"
#include "supervisor/listen/listener_set.h"
#include "supervisor/workers/process_table.h"

namespace prefork {

[[nodiscard]] PoolStatus status_of(const PoolConfig& config, const Pool& pool,
                                   const ListenerSet::Listeners& listeners, const ProcessTable& processes);
/// The little that one line of all pools says of it.
[[nodiscard]] PoolSummary summary_of(const PoolConfig& config, const Pool& pool);

}  // namespace prefork
