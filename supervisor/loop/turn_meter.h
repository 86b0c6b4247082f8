// Measures the turns of the event loop: the time from the return of one poll to the next call, without the
// sleep in between. While a turn lasts, nothing else is served, so the longest one says how long the
// supervisor has stood still. Time that the process does not get from the kernel counts as well.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "supervisor/core/ids.h"

namespace prefork {

class TurnMeter {
 public:
  /// longest_lately() looks back so far.
  static constexpr Duration kLately = std::chrono::minutes(1);

  /// A turn begins: the poll has returned.
  void begin(Instant now) { began_ = now; }
  /// A turn ends: the loop polls. Does nothing before the first begin().
  void end(Instant now);

  /// When the present turn began, or the last one; Instant() before the first.
  [[nodiscard]] Instant began() const { return began_; }
  [[nodiscard]] Duration longest() const { return longest_; }
  /// Of the turns that ended within kLately, or up to a twelfth of it less.
  [[nodiscard]] Duration longest_lately(Instant now) const;

  /// Goes on where the meter of the program before was: an upgrade in place is part of the turn in which it
  /// happens. Does nothing when that program had no meter.
  void adopt(Instant began, Duration longest);

 private:
  static constexpr std::int64_t kParts = 12;
  static constexpr Duration kPart = kLately / kParts;
  struct Part {
    std::int64_t number = -1;  ///< kPart times this: when it began
    Duration longest{};
  };

  Instant began_;
  Duration longest_{};
  std::array<Part, kParts> parts_;
};

}  // namespace prefork
