// The live status of one pool, put together from the core's tables and from what only io/ knows: listeners
// and processes.
#pragma once

#include <memory>
#include <vector>

#include "config/config.h"
#include "supervisor/control/status.h"
#include "supervisor/core/pool.h"
#include "supervisor/io/listener.h"
#include "supervisor/io/process_table.h"

namespace prefork {

[[nodiscard]] PoolStatus status_of(const PoolConfig& config, const Pool& pool,
                                   const std::vector<std::unique_ptr<Listener>>& listeners,
                                   const ProcessTable& processes);

}  // namespace prefork
