// A pool with many connections, and the state of a supervisor that has it: for the test and the benchmark of
// an upgrade in place.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "supervisor/core/pool.h"
#include "supervisor/state/upgrade_state.h"

namespace prefork::test {

/// The connections wait in the lobby and in the queue, half of them each; each has another client.
class LargePool {
 public:
  explicit LargePool(std::size_t connections);

  /// The state of a supervisor with this pool.
  [[nodiscard]] SupervisorState state() const;
  /// Restores a new pool from the state of one. What is wrong, or empty.
  [[nodiscard]] std::string restore(const SupervisorState& state) const;

 private:
  PoolSettings settings_;
  Instant now_;
  Pool pool_;
  std::vector<Ticket> tickets_;
};

}  // namespace prefork::test
