#include "supervisor/core/stop_sequence.h"

#include <algorithm>
#include <utility>

namespace prefork {

void StopSequence::begin(Duration stop_timeout, const Unserved& unserved, Instant now) {
  phase_ = Phase::kFinishing;
  deadline_ = now + stop_timeout;
  park_until_ = now + std::min<Duration>(kParkAtStop, stop_timeout / 2);
  unserved_before_ = unserved.total();
  before_ = unserved;
}

StopSequence::Step StopSequence::next_step(const Remaining& remaining) const {
  if (phase_ != Phase::kFinishing) return Step::kNone;
  if (!remaining.workers) return Step::kLeave;
  if (!remaining.all_begun) return Step::kNone;
  if (!remaining.may_be_parked) return Step::kLeave;
  return park_until_ ? Step::kNone : Step::kEndParking;
}

void StopSequence::leave() {
  phase_ = Phase::kLeaving;
  park_until_.reset();
}

StopSequence::Urgency StopSequence::hurry() {
  deadline_.reset();
  leave();
  return std::exchange(quick_, true) ? Urgency::kKill : Urgency::kTerminate;
}

bool StopSequence::deadline_passed(Instant now) {
  if (park_until_ && *park_until_ <= now) park_until_.reset();
  if (!deadline_ || *deadline_ > now) return false;
  deadline_.reset();
  leave();
  return true;
}

std::optional<Instant> StopSequence::next_deadline() const {
  if (!deadline_ || !park_until_) return deadline_ ? deadline_ : park_until_;
  return std::min(*deadline_, *park_until_);
}

Unserved StopSequence::end(const Unserved& unserved) {
  phase_ = Phase::kStopped;
  deadline_.reset();
  if (before_) return unserved.since(*before_);
  // How they ended is not known then, only how many they are; most that a stop cuts are lost.
  return {.lost = unserved.total() - unserved_before_};
}

}  // namespace prefork
