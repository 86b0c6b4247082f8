#include "supervisor/core/standstill_guard.h"

#include <algorithm>

namespace prefork {

bool StandstillGuard::too_late_to_judge(std::optional<Instant> due, Instant now) {
  if (grace_until_) {
    if (now < *grace_until_) return true;
    grace_until_.reset();
  } else if (due && now - std::max({*due, settings_since_, judged_at_}) >= kStandstill) {
    grace_until_ = now + kGrace;
    return true;
  }
  judged_at_ = now;
  return false;
}

std::optional<Instant> StandstillGuard::postponed(std::optional<Instant> due) const {
  return due && grace_until_ ? std::max(*due, *grace_until_) : due;
}

}  // namespace prefork
