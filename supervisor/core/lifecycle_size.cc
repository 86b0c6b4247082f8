// The part of Lifecycle that keeps the number of workers what it shall be: starts, surplus, generations.
#include <algorithm>

#include "supervisor/core/lifecycle.h"

namespace prefork {

void Lifecycle::settle(std::size_t queued, Instant now, Actions& out) {
  if (stopping_) return;
  if (settings_.elastic) follow_load(queued, now, out);
  const auto passed = [now](const std::optional<Instant>& due) { return due && *due <= now; };
  if (!changed_ && !passed(start_due_) && !passed(trial_due_)) return;
  changed_ = false;
  start_due_.reset();
  if (const auto interval = upkeep_interval(); interval && !upkeep_due_) upkeep_due_ = now + *interval;
  run_trial(now, out);
  retire_due();
  Census counted = census();
  drain_old_templates(now, out);
  remove_surplus(counted, now, out);
  counted = census();
  start_missing(counted, now, out);
  missing_ = target_ - std::min(target_, counted.live);
  forget_generations(out);
}

void Lifecycle::follow_load(std::size_t queued, Instant now, Actions& out) {
  if (changed_) missing_ = target_ - std::min(target_, census().live);
  const ElasticSize::Load load{workers_.idle(), workers_.starting() + missing_, queued};
  const std::size_t wanted = elastic_.decide(load, target_, now);
  if (wanted == target_) return;
  out.push_back(action::ReportSize{wanted, target_});
  target_ = wanted;
  changed_ = true;
}

void Lifecycle::remove_surplus(Census census, Instant now, Actions& out) {
  // Again when one has left that was stopped: somebody is there in its place.
  while (census.live > target_) {
    drain_some(census.live - target_, /*old_ones=*/false, now, out);
    census = this->census();
  }
  // Each worker of the present generation that is ready takes the place of an old one, and no sooner.
  const std::size_t places = target_ - std::min(target_, census.ready);
  if (census.old > places) drain_some(census.old - places, /*old_ones=*/true, now, out);
}

bool Lifecycle::goes_first(const WorkerRow& a, const WorkerRow& b) {
  if (a.status != b.status) return a.status == WorkerStatus::kStarting;
  if (a.stopped != b.stopped) return a.stopped;
  if (a.load != b.load) return a.load < b.load;
  return a.id > b.id;
}

void Lifecycle::drain_some(std::size_t count, bool old_ones, Instant now, Actions& out) {
  std::vector<WorkerId> candidates;
  workers_.for_each([&](const WorkerRow& row) {
    if (row.live() && row.role == WorkerRole::kWorker && !on_trial(row) && present(row) != old_ones) {
      candidates.push_back(row.id);
    }
  });
  std::sort(candidates.begin(), candidates.end(),
            [this](WorkerId a, WorkerId b) { return goes_first(*workers_.find(a), *workers_.find(b)); });
  for (std::size_t i = 0; i < count && i < candidates.size(); ++i) {
    WorkerRow& row = *workers_.find(candidates[i]);
    const StopReason replaced = row.retiring ? StopReason::kRecycle : StopReason::kReload;
    drain(row, old_ones ? replaced : StopReason::kResize, now, out);
  }
}

void Lifecycle::drain_old_templates(Instant now, Actions& out) {
  workers_.for_each([&](WorkerRow& row) {
    const bool wanted = on_trial(row) || (row.generation == generation_ && start_ == StartForm::kFork);
    if (row.live() && row.role == WorkerRole::kTemplate && !wanted) drain(row, StopReason::kReload, now, out);
  });
}

void Lifecycle::start_missing(Census& census, Instant now, Actions& out) {
  const bool fork = start_ == StartForm::kFork;
  if (fork && !census.fork_template) {
    if (!census.template_ending && may_start(census, now))
      start(WorkerRole::kTemplate, {}, generation_, now, out);
    return;
  }
  if (fork && !census.template_ready) return;
  // While old generations are being replaced, the pool may be larger by a quarter.
  const bool replacing = census.old > census.retiring;
  const std::size_t limit =
      target_ + (replacing ? std::max<std::size_t>(1, target_ / 4) : 0) + census.retiring;
  // One that we end for a failure keeps its place until it is reaped: only then is known what it means for
  // the next one, and there are never more processes than wanted.
  while (census.live + census.ending < target_ && census.live + census.old < limit &&
         may_start(census, now)) {
    start(WorkerRole::kWorker, fork ? census.fork_template : WorkerId{}, generation_, now, out);
    ++census.live;
    ++census.starting;
  }
}

bool Lifecycle::may_start(const Census& census, Instant now) {
  if (policy_.may_start(census.starting + census.ending, now)) return !workers_.full();
  start_due_ = policy_.next_start(now);
  return false;
}

WorkerId Lifecycle::start(WorkerRole role, WorkerId from, Generation generation, Instant now, Actions& out) {
  WorkerRow& row = workers_.add(role, generation, now);
  if (role == WorkerRole::kWorker && generation == generation_ && !vacant_.empty()) {
    row.lineage = vacant_.back();
    vacant_.pop_back();
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
  // One that has forked somebody meanwhile is merely behind.
  if (origin->forked_at <= row.started_at) end_stuck(*origin, StopReason::kDoesNotFork, now, out);
}

std::size_t Lifecycle::scheduled() const {
  const std::size_t live = census().live;
  return stopping_ || live >= target_ ? 0 : target_ - live;
}

bool Lifecycle::any_live() const {
  const Census counted = census();
  return counted.live + counted.old > 0 || counted.on_trial;
}

const char* Lifecycle::broken_invariant() const {
  if (stopping_) return nullptr;
  const Census counted = census();
  if (counted.live > target_) return "more workers than wanted";
  if (counted.live + scheduled() != target_)
    return "live rows and scheduled starts do not add up to the target";
  return nullptr;
}

}  // namespace prefork
