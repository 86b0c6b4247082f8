// A bounded share of the event loop's time, for work whose amount a stranger decides. Whoever does such work
// asks before each small step whether time is available(), and says how much processor time the step has
// spent(). Over a longer time it gets one part in `parts`, and everything else is served in between. What is
// not used is saved up to kMost, for a loop that has its turns seldom because the machine is busy.
#pragma once

#include <algorithm>

#include "supervisor/core/ids.h"

namespace prefork {

class TimeShare {
 public:
  static constexpr Duration kMost = std::chrono::milliseconds(1);
  /// What is available after a wait().
  static constexpr Duration kLeast = std::chrono::microseconds(100);

  explicit TimeShare(int parts) : parts_(parts) {}

  /// There is time for a step. `turn`: when the loop's present turn began (TurnMeter). What becomes available
  /// later belongs to later turns: a turn ends even if other processes get most of the processor time.
  [[nodiscard]] bool available(Instant turn);
  /// A step may take longer than what was left; the next one waits the longer for it, but for no more than
  /// kMaxDebt.
  void spent(Duration time) { left_ = std::max(left_ - time, -kMaxDebt); }
  /// Negative: more was spent than there was.
  [[nodiscard]] Duration left() const { return left_; }
  /// After available() was false: when to ask again.
  [[nodiscard]] Duration wait() const { return (kLeast - left_) * parts_; }

 private:
  static constexpr Duration kMaxDebt = 10 * kMost;

  int parts_;
  Duration left_ = kMost;
  Instant counted_to_;  ///< left_ includes the share of the time up to here
};

}  // namespace prefork
