// The environment by which a Node program becomes a worker (protocol node): Node's own variables for a worker
// of a cluster, and NODE_OPTIONS with the module prefork-worker. to_launch() adds it; what differs from
// worker to worker is added when one is started.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "supervisor/core/ids.h"
#include "supervisor/listen/listener_set.h"
#include "supervisor/spawner/launch.h"

namespace prefork {

void add_node_environment(const PoolConfig& config, const std::vector<ListenTarget>& targets, Launch& launch);

/// With NODE_UNIQUE_ID, a number that no other worker of the pool has had, and, if the operator has not set
/// it, NODE_APP_INSTANCE, the lowest number from 0 that no other worker has when this one starts.
[[nodiscard]] Launch as_node_worker(Launch launch, WorkerId worker);

/// The supervisor that has made `launch` may have had its module elsewhere, and its file may be gone.
void use_own_node_module(Launch& launch);

}  // namespace prefork
