#include "supervisor/core/lifecycle.h"

#include <algorithm>
#include <csignal>

namespace prefork {
namespace {

/// A signal that the worker was sent ended it.
bool ended_by_us(const WorkerRow& row, const Exit& exit) {
  if (exit.kind != Exit::Kind::kSignaled) return false;
  return exit.value == SIGKILL ? row.kill_sent : exit.value == row.signalled;
}

}  // namespace

Lifecycle::Lifecycle(const PoolSettings& settings, WorkerTable& workers, const ConnectionTable& connections,
                     Counters& counters, std::uint32_t seed, Instant now)
    : settings_(settings),
      workers_(workers),
      counters_(counters),
      policy_(settings, seed, now),
      rollout_(settings, workers, Probation(settings, connections, counters.busy_times.total())),
      upkeep_(settings, seed),
      limit_(settings.workers),
      target_(settings.workers) {
  if (settings.elastic) {
    elastic_.configure(*settings.elastic, limit_, now);
    target_ = elastic_.clamp(0);
  }
  missing_ = target_;
}

void Lifecycle::configure(Workers workers, Instant now, Actions& out) {
  upkeep_.reset();
  policy_.configure(settings_, now);
  resize(settings_.workers, now);
  workers_.for_each([&](WorkerRow& row) {
    if (row.role == WorkerRole::kWorker && row.was_ready) upkeep_.plan_recycling(row);
  });
  switch (workers) {
    case Workers::kStay: return;
    case Workers::kReplaced: return replace_all(now, out);
    case Workers::kTrialEnds: return abandon_trial(now, out);
  }
}

void Lifecycle::resize(std::size_t workers, Instant now) {
  if (workers > limit_) all_ready_ = false;
  limit_ = workers;
  if (settings_.elastic) {
    elastic_.configure(*settings_.elastic, limit_, now);
    target_ = elastic_.clamp(target_);
  } else {
    target_ = limit_;
  }
  note_change();
}

void Lifecycle::forget_failures(Instant now) {
  policy_.forget_failures(now);
  note_change();
}

std::optional<Lifecycle::What> Lifecycle::ready(WorkerRow& row, const event::WorkerReady& event, Instant now,
                                                Actions& out) {
  if (row.status == WorkerStatus::kStopping) return std::nullopt;  // sent before the signal came
  if (row.status != WorkerStatus::kStarting) return What::kUnexpectedReady;
  if (event.foreign_version) return What::kBadVersion;
  introduced(row, now);
  const bool worker = row.role == WorkerRole::kWorker;
  if (worker == (event.slots == 0)) return What::kBadSlots;
  row.was_ready = true;
  row.ready_at = now;
  row.most_unreceived = event.most_unreceived;
  workers_.set_deadline(row, std::nullopt);
  workers_.set_slots(row, static_cast<std::uint32_t>(std::min<std::uint64_t>(event.slots, settings_.slots)));
  workers_.set_status(row, WorkerStatus::kReady, now);
  out.push_back(action::ReportReady{row.id, now - row.started_at});
  if (worker) upkeep_.plan_recycling(row);
  if (worker && row.generation == rollout_.generation()) {
    policy_.on_ready(now);
    rollout_.ready(now + RestartPolicy::kProofAfter);
  }
  note_change();
  return std::nullopt;
}

void Lifecycle::released(WorkerRow& row, Instant now) {
  if (rollout_.on_trial(row)) note_change();
  if (row.load > 0) return;
  if (row.status == WorkerStatus::kReady) row.since = now;
  if (row.status == WorkerStatus::kDraining) workers_.set_deadline(row, now + settings_.kill_timeout);
}

void Lifecycle::served(WorkerRow& row, Instant now, Actions& out) {
  released(row, now);
  if (upkeep_.served(row)) note_change();
  if (row.generation != rollout_.generation()) return;
  rollout_.proven(out);
  if (policy_.in_trouble() && row.started_at >= policy_.last_failure()) starts_are_proven(out);
}

void Lifecycle::progressed(const WorkerRow& row) {
  if (rollout_.on_trial(row)) note_change();
}

void Lifecycle::ponged(WorkerRow& row, Instant now) { upkeep_.ponged(row, now); }

void Lifecycle::stopped(WorkerRow& row, bool stopped) {
  workers_.set_stopped(row, stopped);
  note_change();
}

void Lifecycle::measured(WorkerRow& row, std::uint64_t rss) {
  if (upkeep_.measured(row, rss)) note_change();
}

void Lifecycle::starts_are_proven(Actions& out) {
  if (policy_.on_proven()) out.push_back(action::ReportStarts{});
  note_change();
}

void Lifecycle::pause(WorkerRow& row, Instant until) {
  if (row.status != WorkerStatus::kReady) return;
  workers_.set_paused(row, true);
  workers_.set_deadline(row, until);
}

void Lifecycle::drain(WorkerRow& row, StopReason reason, Instant now, Actions& out) {
  // A worker that is not ready has nothing to finish, and it may not read its channel for a long time.
  if (row.status == WorkerStatus::kStarting) return terminate(row, reason, now, out);
  row.reason = reason;
  workers_.set_status(row, WorkerStatus::kDraining, now);
  workers_.set_deadline(row, now + (row.load > 0 ? settings_.stop_timeout : settings_.kill_timeout));
  ++row.datagrams;
  out.push_back(action::SendDrain{row.id});
  note_change();
}

void Lifecycle::leave(WorkerRow& row, Instant now, Actions& out) {
  // A connection that could not be sent to it may have told earlier that it goes.
  const bool goes = row.status == WorkerStatus::kStopping && row.reason == StopReason::kNone;
  if (!row.live() && !goes) return;
  const bool of_use = row.served > 0 || row.load > 0 || now - row.ready_at >= RestartPolicy::kProofAfter;
  drain(row, of_use ? StopReason::kLeft : StopReason::kLeftTooSoon, now, out);
}

void Lifecycle::await_death(WorkerRow& row, Instant now) {
  if (!row.live()) return;
  workers_.set_status(row, WorkerStatus::kStopping, now);
  workers_.set_deadline(row, now + kDeathFollows);
  note_change();
}

void Lifecycle::terminate(WorkerRow& row, StopReason reason, Instant now, Actions& out) {
  end(row, reason, action::SignalWorker::Signal::kTerminate, now, out);
}

void Lifecycle::end_stuck(WorkerRow& row, StopReason reason, Instant now, Actions& out) {
  const bool abort = settings_.stuck_signal == KillSignal::kAbort;
  end(row, reason, abort ? action::SignalWorker::Signal::kAbort : action::SignalWorker::Signal::kTerminate,
      now, out);
}

void Lifecycle::end(WorkerRow& row, StopReason reason, action::SignalWorker::Signal signal, Instant now,
                    Actions& out) {
  if (row.status == WorkerStatus::kStopping && row.reason != StopReason::kNone) return;
  row.reason = reason;
  workers_.set_status(row, WorkerStatus::kStopping, now);
  workers_.set_deadline(row, now + settings_.kill_timeout);
  row.signalled = signal == action::SignalWorker::Signal::kAbort ? SIGABRT : SIGTERM;
  out.push_back(action::SignalWorker{row.id, signal});
  note_change();
}

void Lifecycle::kill(WorkerRow& row, StopReason reason, Instant now, Actions& out) {
  if (row.kill_sent) return;
  if (is_own_decision(row.reason)) row.reason = reason;
  if (row.status != WorkerStatus::kStopping) workers_.set_status(row, WorkerStatus::kStopping, now);
  if (stopping_) ++killed_at_stop_;
  row.kill_sent = true;
  workers_.set_deadline(row, now + settings_.kill_timeout);
  out.push_back(action::SignalWorker{row.id, action::SignalWorker::Signal::kKill});
  note_change();
}

void Lifecycle::drain_for_stop(const std::function<bool(const WorkerRow&)>& leaves, Instant now,
                               Actions& out) {
  workers_.for_each([&](WorkerRow& row) {
    if (row.live() && leaves(row)) drain(row, StopReason::kPoolStop, now, out);
  });
}

void Lifecycle::terminate_all(Instant now, Actions& out) {
  workers_.for_each([&](WorkerRow& row) { terminate(row, StopReason::kPoolStop, now, out); });
}

void Lifecycle::kill_all(Instant now, Actions& out) {
  workers_.for_each([&](WorkerRow& row) { kill(row, StopReason::kPoolStop, now, out); });
}

void Lifecycle::deadline_passed(Instant now, Actions& out) {
  // Only here: there is one such event in a turn of the loop, and many others.
  if (next_starts_ && *next_starts_ <= now) next_starts_.reset();
  while (WorkerRow* row = workers_.overdue(now)) {
    switch (row->status) {
      case WorkerStatus::kStarting: give_up_start(*row, now, out); break;
      case WorkerStatus::kReady:
        workers_.set_deadline(*row, std::nullopt);
        workers_.set_paused(*row, false);
        break;
      case WorkerStatus::kDraining: end_drain(*row, now, out); break;
      case WorkerStatus::kStopping: end_harder(*row, now, out); break;
    }
  }
  if (!stopping_) fail_trial(now, out);
  if (upkeep_.take_due(now)) {
    check_some(now, out);
    if (!stopping_) upkeep_.plan_check(now);
  }
  if (policy_.proof_due() && *policy_.proof_due() <= now) starts_are_proven(out);
}

void Lifecycle::end_drain(WorkerRow& row, Instant now, Actions& out) {
  terminate(row, is_failure(row.reason) ? row.reason : StopReason::kDrainTimeout, now, out);
}

void Lifecycle::end_harder(WorkerRow& row, Instant now, Actions& out) {
  if (row.kill_sent) {
    row.stuck = true;
    note_change();
    workers_.set_deadline(row, std::nullopt);
    out.push_back(action::ReportStuck{row.id, counted().stuck <= max_replaced()});
  } else if (row.reason == StopReason::kNone) {
    terminate(row, StopReason::kChannelClosed, now, out);
  } else {
    kill(row, row.reason, now, out);
  }
}

void Lifecycle::check_some(Instant now, Actions& out) {
  const auto check = [&](WorkerRow& row) {
    if (row.role != WorkerRole::kWorker || row.status != WorkerStatus::kReady) return;
    const bool was_due = row.recycle_due;
    const Upkeep::Health health = upkeep_.check(row, now, out);
    if (row.recycle_due != was_due) note_change();
    switch (health) {
      case Upkeep::Health::kWell: break;
      case Upkeep::Health::kSilent: end_stuck(row, StopReason::kPingTimeout, now, out); break;
    }
  };
  upkeep_.checked(workers_.for_some(upkeep_.next_slot(), Upkeep::kChecksAtOnce, check), now);
}

void Lifecycle::note_change() {
  changed_ = true;
  counted_.reset();
}

const Census& Lifecycle::counted() const {
  if (!counted_) counted_ = census();
  return *counted_;
}

std::optional<Instant> Lifecycle::next_deadline() const {
  std::optional<Instant> earliest = workers_.next_deadline();
  const auto consider = [&](std::optional<Instant> candidate) {
    if (candidate && (!earliest || *candidate < *earliest)) earliest = candidate;
  };
  if (stopping_) return earliest;
  consider(policy_.proof_due());
  consider(start_due_);
  consider(rollout_.next_deadline());
  consider(upkeep_.next_deadline());
  if (settings_.elastic) consider(elastic_.next_look());
  return earliest;
}

void Lifecycle::exited(WorkerRow& row, const event::WorkerExited& event, const Dispatcher::Held& held,
                       Instant now, Actions& out) {
  DeathRecord record;
  record.worker = row.id;
  record.role = row.role;
  record.generation = row.generation;
  record.exit = event.exit;
  record.silent = event.silent;
  record.clue = event.clue;
  record.reason = reason_of_end(row, event.exit, held);
  record.was_ready = row.was_ready;
  record.killed_by_us = ended_by_us(row, event.exit);
  record.age = now - row.started_at;
  record.served = row.served;
  record.refused = row.refused;
  record.violation = row.violation;
  record.start_error = event.start_error;
  record.held_begun = held.begun;
  // From stop_starting() on no worker takes anything new.
  record.held_unbegun = stopping_ ? 0 : held.unbegun;
  record.held_closed = held.closed + (stopping_ ? held.unbegun : 0);
  out.push_back(action::ReportDeath{record});
  const bool trial_failed = rollout_.on_trial(row) && record.is_failure() && !stopping_;
  const bool trial_passed = rollout_.candidate() == row.id && !trial_failed && !stopping_;
  counters_.deaths.add(cause_of(record));
  if (trial_failed) rollout_.report(Rollout::Stage::kFailed, record.generation, record, out);
  if (record.is_failure()) record_failure(record, row, now, out);
  out.push_back(action::ForgetWorker{row.id});
  workers_.remove(row.id);
  if (trial_failed) end_trial(now, out);
  if (trial_passed) pass_trial(now, out);
  note_change();
}

StopReason Lifecycle::reason_of_end(const WorkerRow& row, const Exit& exit,
                                    const Dispatcher::Held& held) const {
  const bool finished = exit.kind == Exit::Kind::kExited && exit.value == 0 && held.begun == held.uncertain;
  if (row.reason == StopReason::kLeft && !finished) return StopReason::kNone;  // it died before that
  const bool leaves_trial = rollout_.candidate() == row.id && !stopping_ && !is_failure(row.reason);
  return leaves_trial && !rollout_.served_enough(row) ? StopReason::kLeftTooSoon : row.reason;
}

void Lifecycle::record_failure(const DeathRecord& record, const WorkerRow& row, Instant now, Actions& out) {
  if (row.role == WorkerRole::kWorker && !rollout_.on_trial(row)) {
    vacancies_.push_back(Lineage{row.lineage.restarts + 1, record});
    if (vacancies_.size() > std::max<std::size_t>(target_, 1)) vacancies_.erase(vacancies_.begin());
  }
  const bool serving =
      record.was_ready && (record.served > 0 || now - row.ready_at >= RestartPolicy::kProofAfter);
  ++(serving ? counters_.crashes : counters_.start_failures);
  if (row.generation != rollout_.generation() || stopping_) return;
  all_ready_ = false;
  if (serving) {
    policy_.on_crash(now);
  } else {
    rollout_.not_started(record, out);
    const Duration delay = policy_.on_failure(row.started_at, now);
    out.push_back(action::ReportStarts{policy_.failures(), delay});
  }
}

}  // namespace prefork
