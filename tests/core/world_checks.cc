// What the model demands of each action and after each event.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "tests/core/world.h"

namespace prefork {

using std::chrono::seconds;

void World::demand(bool fulfilled, const char* what) {
  if (!fulfilled) throw std::logic_error(what);
}

World::Process& World::process(WorkerId worker) {
  const auto found = processes_.find(worker);
  demand(found != processes_.end(), "an action names a worker that is gone");
  return found->second;
}

World::Connection& World::connection(Ticket ticket) {
  const auto found = open_.find(ticket);
  demand(found != open_.end(), "an action names a connection that is gone");
  return found->second;
}

bool World::held(Ticket ticket) const {
  return std::any_of(processes_.begin(), processes_.end(),
                     [&](const auto& entry) { return entry.second.hand.count(ticket) > 0; });
}

void World::check_everything() {
  const char* broken = pool_.broken_invariant();
  demand(broken == nullptr, broken);
  demand(pool_.workers().size() == processes_.size(), "rows and processes differ in number");
  demand(pool_.connections().size() == open_.size(), "known and open connections differ in number");
  demand(pool_.accepting() == accepting_ || stopped_, "accepting was not told");
  const Counters& c = pool_.counters();
  demand(c.accepted == truth_.accepted && c.begun == truth_.begun && c.served == truth_.served &&
             c.lost == truth_.lost,
         "accepted, begun, served or lost is counted wrong");
  demand(c.parked == truth_.parked, "what was parked is counted wrong");
  demand(c.rejected + c.expired + c.gave_up + c.discarded + c.served + c.lost + c.left + c.silent ==
             truth_.closed + truth_.cut + truth_.rejected,
         "the counters do not fit the connections that were ended");
  deaths_and_times_add_up();
  memos_are_kept();
  if (stopped_) return;
  const auto next = pool_.next_deadline();
  const std::size_t queued = pool_.connections().queued();
  demand(queued == 0 || next, "connections wait and no deadline runs");
  if (queued > 0 && pool_.workers().least_busy(settings_.prefer) != nullptr && !stop_requested_) {
    demand(pool_.catching_up() || *next <= now_ + Dispatcher::kResourcePause,
           "a worker is free, a connection waits, and nothing will happen");
  }
  const bool worker_will_exit = std::any_of(processes_.begin(), processes_.end(),
                                            [](const auto& entry) { return entry.second.killed; });
  if (!stop_requested_ && pool_.lifecycle().scheduled() > 0 && !worker_will_exit) {
    demand(next.has_value(), "a worker is missing and no deadline runs");
  }
}

void World::deaths_and_times_add_up() {
  const Counters& c = pool_.counters();
  const std::uint64_t unplanned = c.deaths.total() - c.deaths.of(DeathCause::kPlanned);
  demand(c.deaths.total() == truth_.deaths && unplanned == truth_.unplanned, "deaths are counted wrong");
  demand(c.starts == c.deaths.total() + pool_.workers().size(), "starts, workers and deaths do not add up");
  demand(unplanned == c.crashes + c.start_failures, "crashes, start failures and deaths do not add up");
  const RolloutCounts& rollouts = pool_.lifecycle().rollout().counts();
  demand(rollouts.took_over == truth_.took_over && rollouts.failed == truth_.failed &&
             rollouts.abandoned == truth_.abandoned,
         "rollouts are counted wrong");
  const Histogram& waits = c.waits.total();
  const Histogram& busy = c.busy_times.total();
  demand(waits.count() <= c.dispatched && waits.count() >= truth_.answered,
         "times in the queue are counted wrong");
  demand(busy.count() == truth_.answered, "busy times are counted wrong");
  for (const Histogram* times : {&waits, &busy}) {
    demand(times->cumulative().back() == times->count(), "a time is in no bucket");
    demand(std::chrono::microseconds(times->sum_us()) <=
               times->max() * static_cast<std::int64_t>(times->count()),
           "the sum of the times is larger than their number allows");
  }
}

void World::memos_are_kept() {
  for (const auto& [ticket, c] : open_) {
    const ConnectionRow& row = *pool_.connections().find(ticket);
    demand(pool_.connections().memo(row) == c.memo, "a connection has another memo than its last Park left");
  }
}

void World::nothing_is_overdue() {
  if (pool_.catching_up()) return;
  for (const auto& [ticket, state] : open_) {
    const ConnectionRow& row = *pool_.connections().find(ticket);
    is_not_overdue(row);
  }
}

void World::is_not_overdue(const ConnectionRow& row) {
  switch (row.state) {
    case ConnectionState::kQueued:
      return demand(now_ < row.queued_at + settings_.queue_timeout, "a connection waits longer than it may");
    case ConnectionState::kDispatched:
      return demand(
          process(row.worker).killed || row.questions > 0 || now_ < row.since + settings_.receipt_timeout,
          "a receipt is overdue and its worker is not killed");
    case ConnectionState::kBusy: {
      const Process& p = process(row.worker);
      return demand(p.killed || p.terminated || settings_.busy_timeout == Duration::zero() ||
                        now_ < row.since + settings_.busy_timeout,
                    "a worker is busy for longer than it may and is not ended");
    }
    case ConnectionState::kSilent:
      return demand(now_ < row.since + settings_.first_byte_timeout.value_or(seconds(30)),
                    "the first byte is awaited longer than it may");
    case ConnectionState::kParked:
      return demand(now_ < row.since + settings_.keep_alive.value_or(PoolSettings::KeepAlive()).idle_timeout,
                    "a connection is parked longer than it may");
    case ConnectionState::kLookedAt:
    case ConnectionState::kInspected: return;
  }
}

void World::carry_out(const action::StartWorker& action) {
  demand(pool_.phase() != Pool::Phase::kStopped, "a worker is started when nothing is left");
  demand(action.worker > newest_, "a worker's id is not larger than all before it");
  newest_ = action.worker;
  const bool forked = action.role == WorkerRole::kWorker && starts_.at(action.generation) == StartForm::kFork;
  demand(forked == static_cast<bool>(action.from), "forked from a template if and only if the pool forks");
  if (forked) {
    const Process& parent = process(action.from);
    demand(parent.role == WorkerRole::kTemplate && parent.ready && !parent.draining && !parent.terminated &&
               !parent.killed,
           "the template cannot fork");
  }
  Process& started = processes_[action.worker];
  started.role = action.role;
  started.generation = action.generation;
  started.from = action.from;
  started.asked_at = now_;
  if (!friendly_ && draws_.one_in(20)) {
    started.dead = true;
    pending_.emplace_back(event::WorkerExited{action.worker, Exit{Exit::Kind::kNotStarted, 2}});
  }
}

void World::carry_out(const action::SendDrain& action) {
  Process& p = process(action.worker);
  demand(p.ready && !p.draining && !p.terminated && !p.killed, "Drain for a worker that is not ready");
  p.sent.emplace_back();
  p.draining = true;
}

void World::carry_out(const action::SignalWorker& action) {
  Process& p = process(action.worker);
  bool& sent = action.signal == action::SignalWorker::Signal::kKill ? p.killed : p.terminated;
  demand(!sent, "the same signal is sent twice");
  sent = true;
  const WorkerRow* row = pool_.workers().find(action.worker);
  if (row->reason == StopReason::kDoesNotFork && !p.killed) {
    demand(std::any_of(processes_.begin(), processes_.end(),
                       [&](const auto& entry) {
                         const Process& wanted = entry.second;
                         return wanted.from == action.worker && wanted.killed &&
                                wanted.asked_at >= p.forked_at;
                       }),
           "a template that forks is ended for not forking");
  }
  if (p.from && !p.dead) vanish(action.worker);
}

void World::vanish(WorkerId worker) {
  Process& p = process(worker);
  p.dead = true;
  pending_.emplace_back(event::WorkerExited{worker, Exit{Exit::Kind::kVanished, 0}});
  if (pool_.workers().find(worker)->reason != StopReason::kStartTimeout) return;
  const auto origin = processes_.find(p.from);
  if (origin == processes_.end() || origin->second.forked_at > p.asked_at) return;
  const WorkerRow* row = pool_.workers().find(origin->first);
  demand(row != nullptr && !row->live(), "a template that does not fork is not ended");
}

void World::carry_out(const action::SendPing& action) {
  Process& p = process(action.worker);
  demand(p.ready && !p.pinged && p.hand.empty(),
         "a Ping for one that works, or was not asked to answer the last");
  p.sent.emplace_back();
  p.pinged = true;
}

void World::carry_out(const action::Measure& action) {
  demand(process(action.worker).ready, "the memory of one that is not ready is measured");
  pending_.emplace_back(event::WorkerMeasured{action.worker, friendly_ ? 0 : draws_.below(1100)});
}

void World::carry_out(const action::Dismiss& action) {
  Connection& c = connection(action.ticket);
  demand(c.copy_open && held(action.ticket), "a connection is dismissed that is not ours and a worker's");
  demand(!c.dismissed, "a connection is dismissed twice");
  c.dismissed = true;
}

void World::carry_out(const action::ForgetWorker& action) {
  demand(process(action.worker).dead, "a worker is forgotten that has not exited");
  processes_.erase(action.worker);
}

void World::carry_out(const action::Dispatch& action) {
  Process& p = process(action.worker);
  demand(p.role == WorkerRole::kWorker && p.ready && !p.draining && !p.terminated && !p.killed && !p.dead &&
             !p.stopped,
         "a dispatch to a worker that is not ready");
  demand(p.hand.size() < p.slots, "a dispatch to a worker that has no room");
  demand(connection(action.ticket).copy_open, "a dispatch of a connection without a copy");
  demand(!held(action.ticket), "a dispatch of a connection that a living worker holds");
  const Connection& c = connection(action.ticket);
  demand(action.came_back == (c.given_back || !c.comebacks.empty()),
         "a dispatch does not say whether a worker had the connection");
  demand(action.memo == c.memo, "a dispatch without the memo that the last Park left");
  demand(action.proxied == (c.proxied && !c.answered), "a PROXY header is expected where none comes, or not");
  demand(action.copy_kept == (settings_.hold == Hold::kDone || action.may_park),
         "a dispatch does not say whether the copy is kept");
  demand(!action.late_receipt || (action.copy_kept && c.has_address && p.slots == 1),
         "a receipt may be left out though nothing else tells what was begun");
  connection(action.ticket).late_receipt = action.late_receipt;
  connection(action.ticket).said = connection(action.ticket).counted = connection(action.ticket).uncertain =
      false;
  connection(action.ticket).may_park = action.may_park;
  connection(action.ticket).in_lobby = false;
  demand(connection(action.ticket).comebacks.size() <= Dispatcher::kMaxRedispatches,
         "a dispatch of a connection that came back too often");
  if (!friendly_ && draws_.one_in(12)) {
    using Cause = event::DispatchFailed::Cause;
    const Cause causes[] = {Cause::kWorkerGone, Cause::kWorkerFull, Cause::kNoResources,
                            Cause::kBadConnection, Cause::kClientLeft};
    const Cause cause = causes[draws_.below(action.look_first ? 5 : 4)];
    pending_.emplace_back(event::DispatchFailed{action.worker, action.ticket, cause});
    return;
  }
  const auto unreceived =
      std::count_if(p.hand.begin(), p.hand.end(), [](const auto& held) { return !held.second; });
  demand(p.most_unreceived == 0 || unreceived < static_cast<std::ptrdiff_t>(p.most_unreceived),
         "a dispatch to a worker that has not received the last ones");
  p.hand[action.ticket] = false;
  const bool may_be_late = action.came_back || action.answered;
  connection(action.ticket).may_be_late = may_be_late;
  (may_be_late && draws_.one_in(2) ? p.late : p.sent).push_back(action.ticket);
  connection(action.ticket).at_work = false;
}

void World::carry_out(const action::SendYield& action) {
  demand(process(action.worker).ready, "a worker that is not ready is asked to park");
  process(action.worker).sent.emplace_back();
}

void World::carry_out(const action::Watch& action) {
  Connection& c = connection(action.ticket);
  demand(c.copy_open && !held(action.ticket) && !c.watched,
         "a connection is watched that is elsewhere, or twice");
  demand(!stop_requested_, "a connection is watched though the pool is being stopped");
  c.watched = c.in_lobby = true;
}

void World::carry_out(const action::Look& action) {
  Connection& c = connection(action.ticket);
  demand(c.copy_open && !held(action.ticket), "a connection is looked at that is elsewhere");
  c.watched = false;
  c.in_lobby = true;
  const event::ClientSign signs[] = {event::ClientSign::kSilent, event::ClientSign::kAsks,
                                     event::ClientSign::kGone, event::ClientSign::kEnded};
  answer(event::ClientSeen{action.ticket, signs[draws_.below(friendly_ ? 2 : 4)]});
}

void World::carry_out(const action::CloseCopy& action) {
  Connection& c = connection(action.ticket);
  demand(c.copy_open, "a copy is closed twice");
  demand(std::any_of(processes_.begin(), processes_.end(),
                     [&](const auto& entry) {
                       const auto in_hand = entry.second.hand.find(action.ticket);
                       return in_hand != entry.second.hand.end() && in_hand->second;
                     }),
         "the copy is closed though no worker has begun the connection");
  c.copy_open = false;
}

void World::carry_out(const action::Inspect& action) {
  Connection& c = connection(action.ticket);
  demand(c.copy_open, "there is no copy to inspect");
  ++c.questions;
  const auto holder = std::find_if(processes_.begin(), processes_.end(), [&](const auto& entry) {
    return entry.second.hand.count(action.ticket) > 0;
  });
  if (holder != processes_.end()) {
    demand(c.late_receipt, "a connection is inspected though its worker sends a receipt");
    const bool begun = holder->second.hand.at(action.ticket);
    return answer(event::Inspected{action.ticket, !begun || draws_.one_in(2), false});
  }
  c.touched = (!c.uncertain || c.was_begun) && draws_.one_in(2);
  if (!c.touched) {
    c.comebacks.insert(c.begun_by);
    if (!c.uncertain) ++c.kills;
  }
  answer(event::Inspected{action.ticket, !c.touched, c.touched && draws_.one_in(2)});
}

void World::carry_out(const action::End& action) {
  using How = action::End::How;
  const Connection& c = connection(action.ticket);
  demand(!held(action.ticket), "a connection is ended that a living worker holds");
  switch (action.how) {
    case How::kClose:
      ++truth_.closed;
      demand(!c.in_lobby || !c.answered, "a client that a worker has answered is not hung up on");
      break;
    case How::kHangUp:
      demand(c.in_lobby && c.answered,
             "a client is hung up on that no worker has answered, or not in the lobby");
      ++truth_.closed;
      ++truth_.served;
      break;
    case How::kCut:
    case How::kCrash:
      demand(
          c.touched || c.comebacks.size() > Dispatcher::kMaxRedispatches || c.kills >= Dispatcher::kMaxKills,
          "a connection is cut without need");
      demand(c.copy_open, "a connection is cut of which there is no copy");
      ++truth_.cut;
      if (c.touched) ++truth_.lost;
      if (c.touched && c.uncertain) ++truth_.begun;
      break;
    case How::kReject:
      demand(c.copy_open, "a connection is turned away of which there is no copy");
      ++truth_.rejected;
      break;
  }
  open_.erase(action.ticket);
  tickets_.release(action.ticket);
  last_ended_ = action.ticket;
}

void World::carry_out(const action::SetAccepting& action) {
  demand(action.accepting != accepting_, "accepting is told though it has not changed");
  demand(!action.accepting || !listeners_closed_, "accepting from closed listeners");
  accepting_ = action.accepting;
}

void World::carry_out(const action::CloseListeners& /*action*/) {
  demand(!listeners_closed_, "the listeners are closed twice");
  listeners_closed_ = true;
}

void World::carry_out(const action::ReportDeath& action) {
  demand(process(action.record.worker).dead, "the death of a living worker is reported");
  ++truth_.deaths;
  if (action.record.is_failure()) ++truth_.unplanned;
}

void World::carry_out(const action::ReportViolation& action) {
  demand(action.violation.what != Violation::What::kNotReceived || claims_unread_,
         "a worker is blamed for a connection that it has received");
}

void World::carry_out(const action::ReportRollout& action) {
  using Stage = action::ReportRollout::Stage;
  if (action.stage == Stage::kTakesOver || action.stage == Stage::kServes) ++truth_.took_over;
  if (action.stage == Stage::kFailed || action.stage == Stage::kDoesNotStart) ++truth_.failed;
  if (action.stage == Stage::kAbandoned) ++truth_.abandoned;
  if (action.stage != Stage::kTakesOver) return;
  for (const auto& [id, p] : processes_) {
    if (p.generation != action.generation || p.role != WorkerRole::kWorker) continue;
    const auto at_work = static_cast<std::size_t>(std::count_if(
        p.hand.begin(), p.hand.end(), [&](const auto& held) { return connection(held.first).at_work; }));
    demand(p.refused <= p.served + at_work, "a version takes over that refuses its connections");
    const bool silent = !p.hand.empty() && at_work == 0;
    const bool usual = pool_.counters().busy_times.total().percentile(0.5) >= Probation::kLongest;
    demand(p.served > 0 || !silent || usual || settings_.probation.connections == 0,
           "a version takes over that has served nothing and holds a connection");
  }
}

void World::carry_out(const action::Stopped& action) {
  demand(!stopped_, "Stopped twice");
  demand(stop_requested_ && listeners_closed_ && !accepting_, "Stopped without a stop");
  demand(processes_.empty() && open_.empty(), "Stopped while something is left");
  stopped_ = true;
  clean_ = action.clean();
}

}  // namespace prefork
