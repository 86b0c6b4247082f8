// Who of a queue goes first when it cannot keep up. Oldest first is fair, and right for a queue that drains.
// In one that stands everybody waits the whole queue's length, and by the time they are served many have
// given up: there newest first serves most of them at once. The rule that tells them apart is CoDel's
// (Nichols and Jacobson, 2012): a queue stands when its oldest has waited longer than a target for a whole
// interval.
#pragma once

#include <optional>

#include "supervisor/core/ids.h"

namespace prefork {

class StandingQueue {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);

  /// To be told whenever the queue has changed; `oldest`: since when its oldest has waited, nothing when it
  /// is empty.
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
