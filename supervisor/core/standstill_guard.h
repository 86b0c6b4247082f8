// Tells deadlines that workers and clients missed from deadlines that the supervisor itself noticed too late:
// when the machine or the supervisor stood still, workers and clients had no chance to be heard. Then all
// deadlines wait for a moment of grace. The Pool asks before it acts on a deadline.
#pragma once

#include <optional>

#include "supervisor/core/ids.h"

namespace prefork {

class StandstillGuard {
 public:
  /// A deadline that is noticed so late says nothing about workers and clients.
  static constexpr Duration kStandstill = std::chrono::seconds(1);
  /// How long workers and clients have to catch up after a standstill.
  static constexpr Duration kGrace = std::chrono::seconds(1);

  /// Must be called at each deadline, with the earliest one that is due. True: do not act on any deadline
  /// now, the grace lasts or begins.
  [[nodiscard]] bool too_late_to_judge(std::optional<Instant> due, Instant now);
  /// New settings may put a deadline into the past: that is no standstill.
  void settings_changed(Instant now) { settings_since_ = now; }
  /// After a standstill: deadlines do not count yet.
  [[nodiscard]] bool catching_up() const { return grace_until_.has_value(); }
  /// When to act on a deadline that is due at `due`: not before the end of the grace.
  [[nodiscard]] std::optional<Instant> postponed(std::optional<Instant> due) const;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("grace_until", self.grace_until_), visit("settings_since", self.settings_since_);
    visit("judged_at", self.judged_at_);
  }

 private:
  Instant settings_since_;
  /// When deadlines were last acted on. What was due then and still is was too much at once, not a
  /// standstill.
  Instant judged_at_;
  std::optional<Instant> grace_until_;
};

}  // namespace prefork
