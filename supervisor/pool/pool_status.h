// The status of one pool: from the core's tables, its listeners and its processes. PoolRunner asks for it.
#pragma once

#include "config/config.h"
#include "supervisor/control/status.h"
#include "supervisor/core/pool.h"
#include "supervisor/listen/listener_set.h"
#include "supervisor/workers/process_table.h"

namespace prefork {

[[nodiscard]] PoolStatus status_of(const PoolConfig& config, const Pool& pool,
                                   const ListenerSet::Listeners& listeners, const ProcessTable& processes);
/// What the one-line summary of all pools says of this one.
[[nodiscard]] PoolSummary summary_of(const PoolConfig& config, const Pool& pool);

}  // namespace prefork
