// What a pool has counted since it was made. Counters never decrease.
//
//   accepted = served + lost + gave_up + rejected + expired + discarded + left + silent
//              + the connections that the pool still has
#pragma once

#include <cstdint>

#include "supervisor/core/death_cause.h"
#include "supervisor/core/timings.h"
#include "supervisor/core/unserved.h"

namespace prefork {

/// The plain numbers.
struct Counts {
  // Connections: one is counted for each time that the comment applies to it.
  std::uint64_t accepted = 0;
  std::uint64_t dispatched = 0;    ///< Dispatch actions, repeats included
  std::uint64_t redispatched = 0;  ///< came back from a worker that had not begun, or not touched it
  std::uint64_t begun = 0;         ///< receipts
  std::uint64_t served = 0;        ///< ended after its worker, or the last of several, was done
  std::uint64_t parked = 0;        ///< answered and given back, each time
  std::uint64_t evicted = 0;       ///< ended in the lobby to make room for others
  std::uint64_t lost = 0;          ///< its worker died after it had begun it
  std::uint64_t gave_up = 0;       ///< came back too often
  std::uint64_t rejected = 0;      ///< the queue was full
  std::uint64_t expired = 0;       ///< waited longer than the queue's timeout
  std::uint64_t discarded = 0;     ///< still queued when the pool was stopped, or not sendable at all
  std::uint64_t left = 0;          ///< the client left before a worker had begun it
  std::uint64_t silent = 0;        ///< the client sent nothing in time

  /// Connections that wanted something and ended in any other way than served.
  [[nodiscard]] Unserved unserved() const { return {lost, gave_up, rejected, expired, discarded}; }

  std::uint64_t starts = 0;
  std::uint64_t start_failures = 0;
  std::uint64_t crashes = 0;     ///< unplanned deaths of ready workers
  std::uint64_t violations = 0;  ///< workers that broke the protocol
  DeathCounts deaths;            ///< the unplanned ones are crashes and start failures

  std::uint64_t queue_high = 0;  ///< the most connections that ever waited at a time

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("accepted", self.accepted), visit("dispatched", self.dispatched);
    visit("redispatched", self.redispatched), visit("begun", self.begun), visit("served", self.served);
    visit("parked", self.parked), visit("evicted", self.evicted);
    visit("lost", self.lost), visit("gave_up", self.gave_up), visit("rejected", self.rejected);
    visit("expired", self.expired), visit("discarded", self.discarded), visit("starts", self.starts);
    visit("left", self.left), visit("silent", self.silent);
    visit("start_failures", self.start_failures), visit("crashes", self.crashes);
    visit("violations", self.violations), visit("queue_high", self.queue_high);
    visit("deaths", self.deaths);
  }
};

struct Counters : Counts {
  Timings waits;       ///< time in the queue, of each request or connection that was dispatched
  Timings busy_times;  ///< time from Busy to Idle or Park

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    // The plain numbers stand beside the times, where earlier versions have them.
    Counts::visit_state(self, visit);
    visit("waits", self.waits), visit("busy_times", self.busy_times);
  }
};

}  // namespace prefork
