#include "supervisor/core/pool.h"

#include <algorithm>
#include <utility>

namespace prefork {

using What = action::ReportViolation::What;

Pool::Pool(const PoolSettings& settings, std::uint32_t seed, Instant now)
    : settings_(settings),
      dispatcher_(settings_, workers_, counters_),
      lifecycle_(settings_, workers_, counters_, seed, now) {}

void Pool::handle(const Event& event, Instant now, Actions& out) {
  std::visit([&](const auto& specific) { on(specific, now, out); }, event);
  settle(now, out);
}

void Pool::settle(Instant now, Actions& out) {
  if (phase_ == Phase::kStopped) return dispatcher_.discard_queue(out);
  finish(now, out);
  lifecycle_.settle(dispatcher_.connections().queued(), now, out);
  dispatcher_.dispatch(now, out);
  saturation_.observe(dispatcher_.connections().queued(), now, out);
  const bool accepting = phase_ == Phase::kRunning && dispatcher_.has_room();
  if (accepting != accepting_) {
    accepting_ = accepting;
    out.push_back(action::SetAccepting{accepting});
  }
  if (phase_ != Phase::kRunning) settle_stop(now, out);
}

void Pool::finish(Instant now, Actions& out) {
  if (phase_ != Phase::kFinishing) return;
  // Workers that die meanwhile are replaced: somebody must serve what is queued.
  const bool nobody_will = !lifecycle_.any_live() && lifecycle_.scheduled() == 0;
  const bool some_may_ask = dispatcher_.some_may_be_parked() && park_until_.has_value();
  if ((!dispatcher_.all_begun() || some_may_ask) && !nobody_will) return;
  leave();
  lifecycle_.drain_all(now, out);
}

void Pool::settle_stop(Instant now, Actions& out) {
  finish(now, out);
  // In kLeaving nobody takes anything new: what still comes back from a dying worker has nowhere to go.
  if (phase_ == Phase::kLeaving) dispatcher_.discard_queue(out);
  if (phase_ != Phase::kLeaving || workers_.size() > 0 || dispatcher_.connections().size() > 0) return;
  phase_ = Phase::kStopped;
  stop_deadline_.reset();
  out.push_back(action::Stopped{!lifecycle_.cut_short() && counters_.unserved() == unserved_before_stop_});
}

std::optional<Instant> Pool::next_deadline() {
  const std::optional<Instant> earliest = earliest_deadline();
  return earliest && grace_until_ ? std::max(*earliest, *grace_until_) : earliest;
}

std::optional<Instant> Pool::earliest_deadline() {
  std::optional<Instant> earliest;
  const auto calm = phase_ == Phase::kStopped ? std::nullopt : saturation_.next_deadline();
  for (const std::optional<Instant>& candidate :
       {lifecycle_.next_deadline(), dispatcher_.next_deadline(), stop_deadline_, park_until_, calm}) {
    if (candidate && (!earliest || *candidate < *earliest)) earliest = candidate;
  }
  return earliest;
}

void Pool::on(const event::Accepted& event, Instant now, Actions& out) {
  dispatcher_.accepted(event, now, out);
}

void Pool::on(const event::DispatchFailed& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr) return;
  dispatcher_.dispatch_failed(event, *row, now, out);
  switch (event.cause) {
    case event::DispatchFailed::Cause::kWorkerGone: lifecycle_.await_death(*row, now); break;
    case event::DispatchFailed::Cause::kWorkerFull: lifecycle_.pause(*row, now + Dispatcher::kRest); break;
    case event::DispatchFailed::Cause::kClientLeft: lifecycle_.released(*row, now); break;
    case event::DispatchFailed::Cause::kNoResources:
    case event::DispatchFailed::Cause::kBadConnection: break;
  }
}

void Pool::on(const event::Inspected& event, Instant now, Actions& out) {
  dispatcher_.inspected(event, now, out);
}

void Pool::on(const event::WorkerIntroduced& event, Instant now, Actions& /*out*/) {
  if (WorkerRow* row = workers_.find(event.worker)) lifecycle_.introduced(*row, now);
}

void Pool::on(const event::ClientSeen& event, Instant now, Actions& out) {
  dispatcher_.seen(event, now, out);
}

void Pool::on(const event::DescriptorsShort& /*event*/, Instant now, Actions& out) {
  dispatcher_.make_room(now, out);
}

void Pool::on(const event::WorkerReady& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr) return;
  if (const auto wrong = lifecycle_.ready(*row, event, now, out)) {
    violated(*row, *wrong, wrong == What::kBadSlots ? event.slots : event.foreign_version.value_or(0), now,
             out);
  }
}

WorkerRow* Pool::speaker(WorkerId worker, Ticket ticket, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(worker);
  if (row == nullptr || row->was_ready) return row;
  violated(*row, What::kNotReady, ticket.value, now, out);
  return nullptr;
}

void Pool::on(const event::WorkerBusy& event, Instant now, Actions& out) {
  WorkerRow* row = speaker(event.worker, event.ticket, now, out);
  if (row == nullptr) return;
  if (const auto wrong = dispatcher_.busy(*row, event.ticket, now, out)) {
    violated(*row, *wrong, event.ticket.value, now, out);
  }
}

void Pool::on(const event::WorkerIdle& event, Instant now, Actions& out) {
  WorkerRow* row = speaker(event.worker, event.ticket, now, out);
  if (row == nullptr) return;
  if (const auto wrong = dispatcher_.idle(*row, event.ticket, now, out)) {
    violated(*row, *wrong, event.ticket.value, now, out);
  } else {
    lifecycle_.served(*row, now, out);
  }
}

void Pool::on(const event::WorkerParked& event, Instant now, Actions& out) {
  WorkerRow* row = speaker(event.worker, event.ticket, now, out);
  if (row == nullptr) return;
  if (const auto wrong = dispatcher_.parked(*row, event.ticket, now, out)) {
    violated(*row, *wrong, event.ticket.value, now, out);
  } else {
    lifecycle_.served(*row, now, out);
  }
}

void Pool::on(const event::WorkerRefused& event, Instant now, Actions& out) {
  WorkerRow* row = speaker(event.worker, event.ticket, now, out);
  if (row == nullptr) return;
  if (const auto wrong = dispatcher_.refused(*row, event.ticket, now, out)) {
    violated(*row, *wrong, event.ticket.value, now, out);
  } else {
    lifecycle_.pause(*row, now + Dispatcher::kRest);
    lifecycle_.released(*row, now);
  }
}

void Pool::on(const event::WorkerProgress& event, Instant now, Actions& out) {
  WorkerRow* row = speaker(event.worker, event.ticket, now, out);
  if (row == nullptr) return;
  if (const auto wrong = dispatcher_.progress(*row, event.ticket, now)) {
    violated(*row, *wrong, event.ticket.value, now, out);
  }
}

void Pool::on(const event::WorkerPong& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr) return;
  if (row->pinged_at) {
    lifecycle_.ponged(*row, now);
  } else {
    violated(*row, What::kUnexpectedPong, 0, now, out);
  }
}

void Pool::on(const event::WorkerLoad& event, Instant now, Actions& out) {
  WorkerRow* row = speaker(event.worker, Ticket{}, now, out);
  if (row != nullptr) workers_.set_reported_load(*row, event.load);
}

void Pool::on(const event::WorkerStopped& event, Instant /*now*/, Actions& /*out*/) {
  if (WorkerRow* row = workers_.find(event.worker)) lifecycle_.stopped(*row, event.stopped);
}

void Pool::on(const event::WorkerMeasured& event, Instant /*now*/, Actions& /*out*/) {
  if (WorkerRow* row = workers_.find(event.worker)) lifecycle_.measured(*row, event.rss);
}

void Pool::violated(WorkerRow& row, What what, std::uint64_t value, Instant now, Actions& out) {
  if (row.kill_sent) return;  // dead to us already
  out.push_back(action::ReportViolation{row.id, what, value});
  on(event::WorkerViolated{row.id}, now, out);
}

void Pool::on(const event::WorkerViolated& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr || row->kill_sent) return;
  ++counters_.violations;
  dispatcher_.forget_receipts(*row);
  lifecycle_.kill(*row, StopReason::kViolation, now, out);
}

void Pool::on(const event::ChannelClosed& event, Instant now, Actions& /*out*/) {
  // One that is leaving closes its channel on the way; its deadline runs already.
  if (WorkerRow* row = workers_.find(event.worker)) lifecycle_.await_death(*row, now);
}

void Pool::on(const event::WorkerExited& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr) return;
  const Dispatcher::Held held = dispatcher_.take_back(*row, now, out);
  lifecycle_.exited(*row, event.exit, held, now, out);
}

void Pool::on(const event::SettingsChanged& event, Instant now, Actions& out) {
  settings_ = event.settings;
  settings_since_ = now;
  lifecycle_.configure(event.replace_workers, now, out);
}

void Pool::on(const event::Resized& event, Instant now, Actions& /*out*/) {
  lifecycle_.resize(event.workers, now);
}

void Pool::on(const event::FailuresForgotten& /*event*/, Instant now, Actions& /*out*/) {
  lifecycle_.forget_failures(now);
}

void Pool::on(const event::StopRequested& event, Instant now, Actions& out) {
  if (phase_ == Phase::kStopped) return;
  if (phase_ == Phase::kRunning) {
    phase_ = Phase::kFinishing;
    out.push_back(action::CloseListeners{});
    stop_deadline_ = now + settings_.stop_timeout;
    park_until_ = now + std::min<Duration>(kParkAtStop, settings_.stop_timeout / 2);
    unserved_before_stop_ = counters_.unserved();
    dispatcher_.empty_lobby(out);
  }
  if (!event.quick) return;
  stop_deadline_.reset();
  leave();
  // Asked a second time, not even kill_timeout is waited for.
  if (std::exchange(stopping_quickly_, true)) {
    lifecycle_.kill_all(now, out);
  } else {
    lifecycle_.terminate_all(now, out);
  }
}

bool Pool::too_late_to_judge(Instant now) {
  if (grace_until_) {
    if (now < *grace_until_) return true;
    grace_until_.reset();
  } else {
    const std::optional<Instant> due = earliest_deadline();
    if (due && now - std::max({*due, settings_since_, judged_at_}) >= kStandstill) {
      grace_until_ = now + kGrace;
      return true;
    }
  }
  judged_at_ = now;
  return false;
}

void Pool::on(const event::DeadlinePassed& /*event*/, Instant now, Actions& out) {
  if (too_late_to_judge(now)) return;
  while (const auto worker = dispatcher_.overdue_receipt(now)) {
    WorkerRow& row = *workers_.find(*worker);
    dispatcher_.forget_receipts(row);
    lifecycle_.kill(row, StopReason::kReceiptTimeout, now, out);
  }
  while (const auto worker = dispatcher_.dismiss_overdue(now, out)) {
    lifecycle_.end_stuck(*workers_.find(*worker), StopReason::kBusyTimeout, now, out);
  }
  lifecycle_.deadline_passed(now, out);
  dispatcher_.expire(now, out);
  if (park_until_ && *park_until_ <= now) park_until_.reset();
  if (stop_deadline_ && *stop_deadline_ <= now) {
    stop_deadline_.reset();
    leave();
    lifecycle_.terminate_all(now, out);
  }
}

void Pool::leave() {
  phase_ = Phase::kLeaving;
  park_until_.reset();
  lifecycle_.stop_starting();
}

const char* Pool::broken_invariant() const {
  if (const char* broken = workers_.broken_invariant()) return broken;
  if (const char* broken = dispatcher_.connections().broken_invariant()) return broken;
  if (const char* broken = lifecycle_.broken_invariant()) return broken;
  const Counters& c = counters_;
  if (c.accepted != c.served + c.unserved() + c.left + c.silent + dispatcher_.connections().size())
    return "the counters do not add up";
  if (phase_ != Phase::kStopped && accepting_ != (phase_ == Phase::kRunning && dispatcher_.has_room())) {
    return "accepting does not fit the room there is";
  }
  return nullptr;
}

}  // namespace prefork
