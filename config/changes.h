// What a reload has to touch: the difference between two configurations. Says what differs; what to do about
// it is decided by the pool.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// Listeners are told apart by place (same_place() in listen_address.h); `changed` ones stay where they are
/// with other attributes, as in the new configuration.
struct ListenerChanges {
  std::vector<ListenAddress> added;
  std::vector<ListenAddress> removed;
  std::vector<ListenAddress> changed;
  std::vector<ListenAddress> kept;
  [[nodiscard]] bool any() const { return !added.empty() || !removed.empty() || !changed.empty(); }
};

struct PoolChanges {
  bool workers_replaced = false;  ///< running workers do not fit: command, executable, start, directory,
                                  ///< environment, scheduling, surroundings, output,
                                  ///< connections_per_worker
  bool size = false;              ///< workers
  bool policy = false;  ///< prefer, hold, waiting, keep_alive, queue, health, restart, recycle, probation,
                        ///< crash_reply: true at once for all workers
  ListenerChanges listeners;
  [[nodiscard]] bool any() const { return workers_replaced || size || policy || listeners.any(); }
};

struct ConfigChanges {
  struct Kept {
    std::string name;
    PoolChanges changes;  ///< may be none
  };
  std::vector<std::string> added;    ///< pools by name, in the order of the new configuration
  std::vector<std::string> removed;  ///< in the order of the old one
  std::vector<Kept> kept;            ///< in the order of the new one
  bool log_level = false;
  bool stop_timeout = false;
  bool control = false;
  [[nodiscard]] bool any() const;
};

[[nodiscard]] PoolChanges compare(const PoolConfig& old_pool, const PoolConfig& new_pool);
[[nodiscard]] ConfigChanges compare(const Config& old_config, const Config& new_config);

}  // namespace prefork
