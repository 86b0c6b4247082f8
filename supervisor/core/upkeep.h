// The care for workers that work well: when each is recycled, whether idle ones still answer, and how much
// memory they use. Marks rows and asks workers; ends and replaces none of them, which is Lifecycle's part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>

#include "supervisor/core/action.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/settings.h"
#include "supervisor/core/worker_table.h"

namespace prefork {

class Upkeep {
 public:
  /// So many workers are checked at a time: each may be sent a Ping, and its memory is read from /proc.
  static constexpr std::size_t kChecksAtOnce = 32;
  /// Time between two parts of a check of all workers.
  static constexpr Duration kBetweenParts = std::chrono::milliseconds(1);

  /// `seed` decides the random part of a worker's age and number of connections.
  Upkeep(const PoolSettings& settings, std::uint32_t seed) : settings_(settings), jitter_(seed) {}

  /// Decides when a ready worker is to be recycled, by the present settings.
  void plan_recycling(WorkerRow& row);
  /// The worker has finished a connection. True when it became due for recycling by that.
  [[nodiscard]] bool served(WorkerRow& row);
  /// The answer to a Measure action. True when the worker is due for recycling.
  [[nodiscard]] bool measured(WorkerRow& row, std::uint64_t rss) const;
  /// The answer to a SendPing action.
  void ponged(WorkerRow& row, Instant now);
  /// Lets workers of `serving` that are due retire, at most recycle.at_once at a time: they serve until their
  /// successors are ready.
  void retire_due(WorkerTable& workers, Generation serving) const;

  /// The settings have changed: the next check is planned anew.
  void reset() { due_.reset(); }
  /// Plans the next check of all workers, if the settings want one and none is planned.
  void plan_check(Instant now);
  /// True when the check, or its next part, is due. The caller then calls check() for each ready worker in
  /// kChecksAtOnce slots of the table from next_slot() on, and checked(); none is planned any more.
  [[nodiscard]] bool take_due(Instant now);
  [[nodiscard]] std::size_t next_slot() const { return next_slot_; }
  /// `next`: the slot where the check goes on; 0: all workers have been checked.
  void checked(std::size_t next, Instant now);
  enum class Health {
    kWell,
    kSilent,  ///< it has not answered a Ping within ping_timeout
  };
  /// Looks after one ready worker: asks for its memory and whether it is alive, as far as the settings want
  /// it.
  [[nodiscard]] Health check(WorkerRow& row, Instant now, Actions& out) const;
  [[nodiscard]] std::optional<Instant> next_deadline() const { return due_; }

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("jitter", self.jitter_), visit("upkeep_due", self.due_);
    visit("upkeep_next_slot", self.next_slot_);
  }

 private:
  [[nodiscard]] std::optional<Duration> interval() const;

  const PoolSettings& settings_;
  std::minstd_rand jitter_;
  std::optional<Instant> due_;  ///< when to check workers
  std::size_t next_slot_ = 0;   ///< where the check goes on
};

}  // namespace prefork
