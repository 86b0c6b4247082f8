// The part of Lifecycle that keeps the number of workers at the target: starts, surplus, and the replacement
// of one generation by the next.
#include <algorithm>

#include "supervisor/core/lifecycle.h"

namespace prefork {

void Lifecycle::settle(const Demand& demand, Instant now, Actions& out) {
  if (stopping_) return;
  if (settings_.elastic) follow_load(demand.queued, now, out);
  const auto passed = [now](const std::optional<Instant>& due) { return due && *due <= now; };
  if (!changed_ && !passed(start_due_) && !passed(rollout_.next_deadline())) return;
  changed_ = false;
  start_due_.reset();
  upkeep_.plan_check(now);
  run_trial(now, out);
  if (target_ == 0 || rollout_.proof_is_due(now)) rollout_.proven(out);
  upkeep_.retire_due(workers_, rollout_.generation());
  drain_old_templates(now, out);
  Census places = remove_surplus(now, out);
  const std::size_t wanted = wanted_for(demand, places.live);
  if (demand.running || wanted > places.live) start_missing(places, wanted, now, out);
  if (wanted < target_) changed_ = true;  // a connection that begins to wait needs another look
  missing_ = target_ - std::min(target_, places.live);
  rollout_.forget_unused(out);
  counted_.reset();
  if (!all_ready_ && target_ > 0 && places.ready >= target_) {
    all_ready_ = true;
    out.push_back(action::ReportAllReady{places.ready});
  }
}

void Lifecycle::replace_all(Instant now, Actions& out) {
  abandon_trial(now, out);
  // When no worker serves, the new generation can make nothing worse: it takes over at once.
  const bool with_trial = counted().ready > 0 && target_ > 0;
  if (!with_trial) all_ready_ = false;
  end_older(rollout_.begin(with_trial, out), now, out);
  note_change();
}

void Lifecycle::run_trial(Instant now, Actions& out) {
  // That it has failed is decided at a deadline only: after a standstill the worker needs time to catch up.
  if (rollout_.judge(now) == Trial::kPassed) return pass_trial(now, out);
  const auto missing = rollout_.missing();
  if (!missing || workers_.full()) return;
  const WorkerId started = start(missing->role, missing->from, *rollout_.trial(), now, out);
  if (missing->role == WorkerRole::kWorker) rollout_.started(started);
}

void Lifecycle::pass_trial(Instant now, Actions& out) {
  policy_.configure(settings_, now);
  policy_.on_ready(now);
  all_ready_ = false;
  end_older(rollout_.take_over(out), now, out);
}

void Lifecycle::fail_trial(Instant now, Actions& out) {
  const Trial trial = rollout_.judge(now);
  switch (trial) {
    case Trial::kUndecided: return;
    case Trial::kPassed: return note_change();
    case Trial::kRefuses:
      return drain(*workers_.find(rollout_.candidate()), StopReason::kFailedTrial, now, out);
    case Trial::kHangs:
      return end_stuck(*workers_.find(rollout_.candidate()), StopReason::kFailedTrial, now, out);
  }
}

void Lifecycle::abandon_trial(Instant now, Actions& out) {
  if (const auto trial = rollout_.trial()) rollout_.report(Rollout::Stage::kAbandoned, *trial, {}, out);
  end_trial(now, out);
}

void Lifecycle::end_trial(Instant now, Actions& out) {
  const std::optional<Generation> ended = rollout_.end_trial();
  if (!ended) return;
  workers_.for_each([&](WorkerRow& row) {
    if (row.generation == *ended && row.live()) drain(row, StopReason::kReload, now, out);
  });
}

void Lifecycle::end_older(std::optional<Generation> oldest, Instant now, Actions& out) {
  if (!oldest) return;
  // Workers that still serve leave like all old ones: one for each new worker that is ready.
  workers_.for_each([&](WorkerRow& row) {
    if (row.generation < *oldest && !row.live()) terminate(row, StopReason::kDrainTimeout, now, out);
  });
}

void Lifecycle::follow_load(std::size_t queued, Instant now, Actions& out) {
  if (changed_) missing_ = target_ - std::min(target_, counted().live);
  const ElasticSize::Load load{workers_.idle(), workers_.starting() + missing_, queued};
  const std::size_t wanted = elastic_.decide(load, target_, now);
  if (wanted == target_) return;
  out.push_back(action::ReportSize{wanted, target_});
  target_ = wanted;
  note_change();
}

Census Lifecycle::remove_surplus(Instant now, Actions& out) {
  Census census = this->census();
  // Repeated, because a stopped worker that leaves may have had another in its place.
  while (census.live > target_) {
    drain_some(census.live - target_, /*old_ones=*/false, now, out);
    census = this->census();
  }
  // A worker of the new generation takes the place of an old one when it is ready, not before.
  const std::size_t places = target_ - std::min(target_, census.ready);
  if (census.old <= places) return census;
  drain_some(census.old - places, /*old_ones=*/true, now, out);
  return this->census();
}

bool Lifecycle::leaves_first(const WorkerRow& a, const WorkerRow& b) {
  if (a.status != b.status) return a.status == WorkerStatus::kStarting;
  if (a.stopped != b.stopped) return a.stopped;
  if (a.load != b.load) return a.load < b.load;
  return a.id > b.id;
}

void Lifecycle::drain_some(std::size_t count, bool old_ones, Instant now, Actions& out) {
  std::vector<WorkerId> candidates;
  workers_.for_each([&](const WorkerRow& row) {
    if (row.live() && row.role == WorkerRole::kWorker && !rollout_.on_trial(row) &&
        rollout_.serves(row) != old_ones) {
      candidates.push_back(row.id);
    }
  });
  std::sort(candidates.begin(), candidates.end(),
            [this](WorkerId a, WorkerId b) { return leaves_first(*workers_.find(a), *workers_.find(b)); });
  for (std::size_t i = 0; i < count && i < candidates.size(); ++i) {
    WorkerRow& row = *workers_.find(candidates[i]);
    const StopReason replaced = row.retiring ? StopReason::kRecycle : StopReason::kReload;
    drain(row, old_ones ? replaced : StopReason::kResize, now, out);
  }
}

void Lifecycle::drain_old_templates(Instant now, Actions& out) {
  workers_.for_each([&](WorkerRow& row) {
    const bool wanted = rollout_.on_trial(row) ||
                        (row.generation == rollout_.generation() && rollout_.start() == StartForm::kFork);
    if (row.live() && row.role == WorkerRole::kTemplate && !wanted) drain(row, StopReason::kReload, now, out);
  });
}

std::size_t Lifecycle::wanted_for(const Demand& demand, std::size_t live) const {
  if (demand.running) return target_;
  const bool room = workers_.least_busy(settings_.prefer) != nullptr || workers_.room_after_receipt();
  const std::size_t unprovided = demand.queued - std::min(demand.queued, workers_.starting());
  return std::min(target_, live + (room ? 0 : unprovided));
}

void Lifecycle::start_missing(Census& census, std::size_t wanted, Instant now, Actions& out) {
  const bool fork = rollout_.start() == StartForm::kFork;
  if (fork && !census.fork_template) {
    if (!census.template_ending && may_start(census, now))
      start(WorkerRole::kTemplate, {}, rollout_.generation(), now, out);
    return;
  }
  if (fork && !census.template_ready) return;
  // While old generations are being replaced, the pool may be larger by a quarter.
  const bool replacing = census.old > census.retiring;
  const std::size_t limit =
      target_ + (replacing ? std::max<std::size_t>(1, target_ / 4) : 0) + census.retiring;
  // A worker that is ended for a failure keeps its place until it is reaped: only then it is known how its
  // death delays the next start, and there are never more processes than wanted.
  // A worker that leaves by itself is replaced at once, and so that they cannot become more and more: once
  // for each place.
  const std::size_t taken = census.ending + census.leaving - std::min(census.leaving, target_);
  std::size_t started = 0;
  while (census.live + taken < wanted && census.live + census.old < limit && may_start(census, now)) {
    start(WorkerRole::kWorker, fork ? census.fork_template : WorkerId{}, rollout_.generation(), now, out);
    ++census.live;
    ++census.starting;
    if (++started == kStartsAtOnce) next_starts_ = now + kBetweenStarts;
  }
  if (!start_due_) next_starts_.reset();  // none is left to be started then
}

bool Lifecycle::may_start(const Census& census, Instant now) {
  if (next_starts_) {
    start_due_ = next_starts_;
    return false;
  }
  if (policy_.may_start(census.starting + census.ending, now)) return !workers_.full();
  start_due_ = policy_.next_start(now);
  return false;
}

WorkerId Lifecycle::start(WorkerRole role, WorkerId from, Generation generation, Instant now, Actions& out) {
  WorkerRow& row = workers_.add(role, generation, now);
  if (role == WorkerRole::kWorker && generation == rollout_.generation() && !vacancies_.empty()) {
    row.lineage = vacancies_.back();
    vacancies_.pop_back();
  }
  row.from = from;
  workers_.set_deadline(row, now + settings_.start_timeout);
  ++counters_.starts;
  out.push_back(action::StartWorker{row.id, role, from, generation});
  return row.id;
}

void Lifecycle::introduced(WorkerRow& row, Instant now) {
  if (WorkerRow* origin = workers_.find(row.from)) origin->forked_at = now;
  row.from = {};
}

void Lifecycle::give_up_start(WorkerRow& row, Instant now, Actions& out) {
  kill(row, StopReason::kStartTimeout, now, out);
  WorkerRow* origin = workers_.find(row.from);
  if (origin == nullptr || !origin->live()) return;
  // A template that has forked another worker since is only slow.
  if (origin->forked_at <= row.started_at) end_stuck(*origin, StopReason::kDoesNotFork, now, out);
}

std::size_t Lifecycle::scheduled() const {
  const std::size_t live = counted().live;
  return stopping_ || live >= target_ ? 0 : target_ - live;
}

bool Lifecycle::any_live() const {
  const Census& now = counted();
  return now.live + now.old > 0 || now.on_trial;
}

const char* Lifecycle::broken_invariant() const {
  const Census counted = census();
  if (counted_ && *counted_ != counted) return "the workers have changed since they were counted";
  if (stopping_) return nullptr;
  if (counted.live > target_) return "more workers than wanted";
  if (counted.live + scheduled() != target_)
    return "live rows and scheduled starts do not add up to the target";
  return nullptr;
}

}  // namespace prefork
