#include "supervisor/loop/turn_meter.h"

#include <algorithm>

namespace prefork {

void TurnMeter::end(Instant now) {
  if (began_ == Instant()) return;
  const Duration length = now - began_;
  longest_ = std::max(longest_, length);
  const std::int64_t number = now.time_since_epoch() / kPart;
  Part& part = parts_[static_cast<std::size_t>(number % kParts)];
  if (part.number != number) part = {number, Duration::zero()};
  part.longest = std::max(part.longest, length);
}

Duration TurnMeter::longest_lately(Instant now) const {
  const std::int64_t oldest = now.time_since_epoch() / kPart - (kParts - 1);
  Duration longest{};
  for (const Part& part : parts_) {
    if (part.number >= oldest) longest = std::max(longest, part.longest);
  }
  return longest;
}

void TurnMeter::adopt(Instant began, Duration longest) {
  if (began == Instant()) return;
  began_ = began;
  longest_ = std::max(longest_, longest);
}

}  // namespace prefork
