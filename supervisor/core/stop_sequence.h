// How a pool stops: it accepts nothing more and serves what is queued (kFinishing), its workers finish what
// they have and leave (kLeaving), nothing is left (kStopped). Decides when to go on, by what is left and by
// deadlines; Pool does what that means for connections and workers.
#pragma once

#include <cstdint>
#include <optional>

#include "supervisor/core/ids.h"
#include "supervisor/core/unserved.h"

namespace prefork {

class StopSequence {
 public:
  enum class Phase {
    kRunning,
    kFinishing,  ///< stopping: accepts nothing, hands out what is queued
    kLeaving,    ///< stopping: workers finish what they have
    kStopped,
  };
  /// How long a stop lets workers park connections, so that their clients can ask once more, before it tells
  /// workers with such a connection to leave; at most half of stop_timeout.
  static constexpr Duration kParkAtStop = std::chrono::seconds(1);

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] bool running() const { return phase_ == Phase::kRunning; }

  /// From kRunning to kFinishing. `unserved`: Counters::unserved() at this moment.
  void begin(Duration stop_timeout, const Unserved& unserved, Instant now);
  /// What kFinishing waits for.
  struct Remaining {
    bool all_begun = false;      ///< workers have begun all connections
    bool may_be_parked = false;  ///< a worker may park a connection, and its client may ask again
    bool workers = false;        ///< a worker is there, or will be started
  };
  enum class Step {
    kNone,        ///< there is something to wait for, or the phase is another one
    kEndParking,  ///< workers with connections that may be parked leave; other workers serve these clients
    kLeave,       ///< all workers leave
  };
  /// What kFinishing needs now. Without a worker, waiting is in vain.
  [[nodiscard]] Step next_step(const Remaining& remaining) const;
  /// To kLeaving.
  void leave();
  enum class Urgency {
    kTerminate,  ///< the first quick request
    kKill,       ///< a further one: not even kill_timeout is waited for
  };
  /// A quick stop is requested: to kLeaving, without deadline.
  [[nodiscard]] Urgency hurry();
  /// True when stop_timeout has passed: to kLeaving, and the workers are to be terminated.
  [[nodiscard]] bool deadline_passed(Instant now);
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  /// From kLeaving to kStopped. Returns the connections that were left unserved since begin().
  [[nodiscard]] Unserved end(const Unserved& unserved);

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("phase", self.phase_), visit("stop_deadline", self.deadline_);
    visit("stopping_quickly", self.quick_), visit("park_until", self.park_until_);
    visit("unserved_before_stop", self.unserved_before_);  // the one that earlier versions have
    visit("before_stop", self.before_);
  }

 private:
  Phase phase_ = Phase::kRunning;
  std::optional<Instant> deadline_;    ///< of stop_timeout
  std::optional<Instant> park_until_;  ///< in kFinishing: until then workers may park instead of leaving
  bool quick_ = false;
  std::uint64_t unserved_before_ = 0;  ///< total() of before_
  std::optional<Unserved> before_;     ///< at begin(); not set: an earlier version has begun the stop
};

}  // namespace prefork
