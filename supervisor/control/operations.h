// The operations that a client of the control socket can request. methods.cc calls them; the supervisor
// implements them. An error is one line for a person.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/result.h"
#include "supervisor/control/control_event.h"
#include "supervisor/control/status.h"

namespace prefork {

class Operations {
 public:
  /// A pool's name; not set: all pools, or, for an operation on one pool, the only one.
  using PoolName = std::optional<std::string>;
  using PoolNames = std::vector<std::string>;
  struct Scaled {
    std::string pool;
    std::size_t before = 0;
    std::size_t workers = 0;
    bool elastic = false;  ///< the number follows the load: the two are maxima
  };

  struct Restarted {
    PoolNames pools;
    PoolNames tried_again;  ///< of these: the last rollout has failed, and its version is tried again
  };

  virtual ~Operations() = default;
  /// `workers`: with a line for each worker, which takes longer.
  [[nodiscard]] virtual SupervisorStatus status(bool workers) const = 0;
  /// The line of one worker.
  [[nodiscard]] virtual Result<WorkerStatusLine> worker(const std::string& pool,
                                                        std::uint64_t number) const = 0;
  /// Begins a reload. Returns the number of its round; the verdict comes later, to all that wait for this
  /// round.
  [[nodiscard]] virtual Result<std::uint64_t> reload() = 0;
  /// Replaces the workers of the pools by a new generation, from the configuration in force.
  [[nodiscard]] virtual Result<Restarted> restart(const PoolName& pool) = 0;
  /// Changes the number of workers of one pool, until the next reload.
  [[nodiscard]] virtual Result<Scaled> scale(const PoolName& pool, std::size_t workers) = 0;
  /// Starts workers that have failed to start again at once, without backoff. Returns the pools.
  [[nodiscard]] virtual Result<PoolNames> reset_failed(const PoolName& pool) = 0;
  /// Begins an upgrade in place. On success the connections of all clients close, and the next program
  /// accepts them at the same path. On failure subscribers get upgrade_refused.
  [[nodiscard]] virtual Result<void> upgrade() = 0;
  /// Stops gracefully, or at once with `quick`; each further quick stop is harder than the one before.
  virtual void stop(bool quick) = 0;
};

}  // namespace prefork
