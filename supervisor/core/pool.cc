#include "supervisor/core/pool.h"

namespace prefork {

Pool::Pool(const PoolSettings& settings, std::uint32_t seed, Instant now)
    : settings_(settings),
      dispatcher_(settings_, workers_, counters_),
      lifecycle_(settings_, workers_, dispatcher_.connections(), counters_, seed, now) {}

void Pool::handle(const Event& event, Instant now, Actions& out) {
  std::visit([&](const auto& specific) { on(specific, now, out); }, event);
  settle(now, out);
}

void Pool::settle(Instant now, Actions& out) {
  if (stop_.phase() == Phase::kStopped) return dispatcher_.discard_queue(out);
  finish(now, out);
  lifecycle_.settle({dispatcher_.connections().queued(), stop_.running()}, now, out);
  dispatcher_.dispatch(now, out);
  // One that waits for a receipt only does not wait for room.
  saturation_.observe(workers_.room_after_receipt() ? 0 : dispatcher_.connections().queued(), now, out);
  const bool accepting = stop_.running() && dispatcher_.has_room();
  if (accepting != accepting_) {
    accepting_ = accepting;
    out.push_back(action::SetAccepting{accepting});
  }
  if (!stop_.running()) settle_stop(now, out);
}

void Pool::finish(Instant now, Actions& out) {
  // Goes on to kLeaving when nothing is left to wait for.
  if (stop_.phase() != Phase::kFinishing) return;
  // Workers that are gone meanwhile are replaced when the queue needs them.
  const bool workers = lifecycle_.any_live() || lifecycle_.scheduled() > 0;
  switch (stop_.next_step({dispatcher_.all_begun(), dispatcher_.may_be_parked(), workers})) {
    case StopSequence::Step::kNone: return;
    case StopSequence::Step::kEndParking:
      return lifecycle_.drain_for_stop(
          [this](const WorkerRow& row) { return dispatcher_.may_be_parked_by(row); }, now, out);
    case StopSequence::Step::kLeave: break;
  }
  stop_.leave();
  lifecycle_.stop_starting();
  lifecycle_.drain_for_stop([](const WorkerRow&) { return true; }, now, out);
}

void Pool::settle_stop(Instant now, Actions& out) {
  finish(now, out);
  if (stop_.phase() != Phase::kLeaving) return;
  // No worker takes anything new now: a connection that comes back from a dying worker has nowhere to go.
  dispatcher_.discard_queue(out);
  if (workers_.size() > 0 || dispatcher_.connections().size() > 0) return;
  out.push_back(action::Stopped{stop_.end(counters_.unserved()), lifecycle_.killed_at_stop()});
}

std::optional<Instant> Pool::next_deadline() { return standstill_.postponed(earliest_deadline()); }

std::optional<Instant> Pool::earliest_deadline() {
  std::optional<Instant> earliest;
  const auto calm = stop_.phase() == Phase::kStopped ? std::nullopt : saturation_.next_deadline();
  for (const std::optional<Instant>& candidate :
       {lifecycle_.next_deadline(), dispatcher_.next_deadline(), stop_.next_deadline(), calm}) {
    if (candidate && (!earliest || *candidate < *earliest)) earliest = candidate;
  }
  return earliest;
}

void Pool::on(const event::SettingsChanged& event, Instant now, Actions& out) {
  settings_ = event.settings;
  standstill_.settings_changed(now);
  lifecycle_.configure(event.workers, now, out);
}

void Pool::on(const event::Resized& event, Instant now, Actions& /*out*/) {
  lifecycle_.resize(event.workers, now);
}

void Pool::on(const event::FailuresForgotten& /*event*/, Instant now, Actions& /*out*/) {
  lifecycle_.forget_failures(now);
}

void Pool::on(const event::StopRequested& event, Instant now, Actions& out) {
  if (stop_.phase() == Phase::kStopped) return;
  if (stop_.running()) {
    stop_.begin(settings_.stop_timeout, counters_.unserved(), now);
    out.push_back(action::CloseListeners{});
    dispatcher_.close_lobby(out);
  }
  if (!event.quick) return;
  const StopSequence::Urgency urgency = stop_.hurry();
  lifecycle_.stop_starting();
  switch (urgency) {
    case StopSequence::Urgency::kTerminate: return lifecycle_.terminate_all(now, out);
    case StopSequence::Urgency::kKill: return lifecycle_.kill_all(now, out);
  }
}

void Pool::on(const event::DeadlinePassed& /*event*/, Instant now, Actions& out) {
  if (standstill_.too_late_to_judge(earliest_deadline(), now)) return;
  dispatcher_.look_for_receipts(now, out);
  while (const auto worker = dispatcher_.overdue_receipt(now, out)) {
    WorkerRow& row = *workers_.find(*worker);
    dispatcher_.forget_receipts(row);
    lifecycle_.kill(row, StopReason::kReceiptTimeout, now, out);
  }
  while (const auto worker = dispatcher_.dismiss_overdue(now, out)) {
    lifecycle_.end_stuck(*workers_.find(*worker), StopReason::kBusyTimeout, now, out);
  }
  lifecycle_.deadline_passed(now, out);
  dispatcher_.expire(now, out);
  if (stop_.deadline_passed(now)) {
    lifecycle_.stop_starting();
    lifecycle_.terminate_all(now, out);
  }
}

const char* Pool::broken_invariant() const {
  if (const char* broken = workers_.broken_invariant()) return broken;
  if (const char* broken = dispatcher_.connections().broken_invariant()) return broken;
  if (const char* broken = lifecycle_.broken_invariant()) return broken;
  bool counted = true;
  workers_.for_each(
      [&](const WorkerRow& row) { counted = counted && row.unreceived == dispatcher_.unreceived_by(row); });
  if (!counted) return "the connections that a worker has not begun are miscounted";
  const Counters& c = counters_;
  if (c.accepted != c.served + c.unserved().total() + c.left + c.silent + dispatcher_.connections().size())
    return "the counters do not add up";
  if (stop_.phase() != Phase::kStopped && accepting_ != (stop_.running() && dispatcher_.has_room())) {
    return "accepting does not fit the room in the queue";
  }
  return nullptr;
}

}  // namespace prefork
