// Decides which end of the queue goes first. Oldest first is fair, and right for a queue that drains. In a
// queue that stands each connection waits for the whole length of the queue, and when it is served its client
// has often given up; there newest first serves most clients at once. The rule that tells the two apart is
// that of CoDel (Nichols and Jacobson, 2012): a queue stands when its oldest connection has waited longer
// than a target for a whole interval.
#pragma once

#include <optional>

#include "supervisor/core/ids.h"

namespace prefork {

class StandingQueue {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);

  /// Must be called whenever the queue has changed. `oldest`: since when its oldest connection has waited;
  /// nothing when the queue is empty.
  void observe(std::optional<Instant> oldest, Duration target, Instant now) {
    if (!oldest || now - *oldest < target) {
      standing_since_ = kNever;
    } else if (standing_since_ == kNever) {
      standing_since_ = *oldest + target;
    }
  }
  [[nodiscard]] bool newest_first(Instant now) const {
    return standing_since_ != kNever && now - standing_since_ >= kInterval;
  }

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("standing_since", self.standing_since_);
  }

 private:
  static constexpr Instant kNever = Instant::max();
  Instant standing_since_ = kNever;
};

}  // namespace prefork
