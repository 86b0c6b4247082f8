#include "supervisor/pool/event_pump.h"

#include <cstddef>
#include <utility>

#include "supervisor/system/clock.h"

namespace prefork {

EventPump::EventPump(const Loop& loop, Pool& pool, Performer& performer)
    : pool_(pool), performer_(performer), timer_(loop) {}

void EventPump::tell(const Event& event) {
  events_.push_back(event);
  heard_ = true;
  if (handling_) return;
  handling_ = true;
  const Instant now = current_time();
  // By index: perform() may tell further events.
  // NOLINTNEXTLINE(modernize-loop-convert)
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const Event next = events_[i];
    actions_.clear();
    pool_.handle(next, now, actions_);
    for (const Action& action : actions_) performer_.perform(action);
  }
  events_.clear();
  handling_ = false;
  arm_timer(now);
}

void EventPump::arm_timer(Instant now) {
  const auto deadline = pool_.next_deadline();
  if (!deadline) return;
  // A timer that fires too early is cheaper than one that is armed again for each connection: on_timer()
  // checks the deadline.
  if (timer_.active() && timer_at_ <= *deadline) return;
  timer_at_ = *deadline;
  timer_.start(*deadline - now, Callback::to<&EventPump::on_timer>(*this));
}

void EventPump::on_timer() {
  const Instant now = current_time();
  const auto deadline = pool_.next_deadline();
  if (!deadline || *deadline > now) {
    turns_ = 0;
    arm_timer(now);
  } else if (hears_first(*deadline, now)) {
    timer_.start(Duration::zero(), Callback::to<&EventPump::on_timer>(*this));
  } else {
    turns_ = 0;
    tell(event::DeadlinePassed{});
    heard_ = false;
  }
}

bool EventPump::hears_first(Instant deadline, Instant now) {
  const bool late = turns_ > 0 || now - deadline >= kLate;
  return late && std::exchange(heard_, false) && ++turns_ <= kTurns;
}

}  // namespace prefork
