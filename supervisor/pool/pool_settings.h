// Translates a pool's configuration into the core's settings and into what its processes are started from.
#pragma once

#include <vector>

#include "config/config.h"
#include "supervisor/core/settings.h"
#include "supervisor/core/worker_row.h"
#include "supervisor/listen/listener_set.h"
#include "supervisor/spawner/launch.h"

namespace prefork {

[[nodiscard]] PoolSettings to_settings(const PoolConfig& config, Milliseconds stop_timeout);
/// What the processes of one generation are started from: workers, and the template in `start: fork`.
struct Launches {
  Launch worker;
  Launch fork_template;
  [[nodiscard]] const Launch& of(WorkerRole role) const {
    return role == WorkerRole::kTemplate ? fork_template : worker;
  }
};
/// `targets`: where the pool listens.
[[nodiscard]] Launches to_launches(const PoolConfig& config, const std::vector<ListenTarget>& targets);
[[nodiscard]] Launch to_launch(const PoolConfig& config, const std::vector<ListenTarget>& targets,
                               WorkerRole role);

}  // namespace prefork
