// The part of Lifecycle that keeps the number of workers what it shall be: starts, surplus, generations.
#include <algorithm>

#include "supervisor/core/lifecycle.h"

namespace prefork {

// One pass that counts everything.
Lifecycle::Census Lifecycle::census() const {  // NOLINT(readability-function-cognitive-complexity)
  Census census;
  workers_.for_each([&](const WorkerRow& row) {
    const bool present = row.generation == generation_;
    const bool ending = row.status == WorkerStatus::kStopping && is_failure(row.reason);
    if (present && row.status == WorkerStatus::kStarting) ++census.starting;
    if (row.role == WorkerRole::kTemplate) {
      if (present) count_template(row, ending, census);
    } else if (row.live()) {
      ++(present ? census.live : census.old);
      if (present && row.status == WorkerStatus::kReady) ++census.ready;
    } else if (present && ending) {
      ++census.ending;
    }
  });
  return census;
}

void Lifecycle::count_template(const WorkerRow& row, bool ending, Census& census) {
  if (ending) census.template_ending = true;
  if (!row.live()) return;
  census.fork_template = row.id;
  census.template_ready = row.status == WorkerStatus::kReady;
}

void Lifecycle::settle(Instant now, Actions& out) {
  if (stopping_ || (!changed_ && (!start_due_ || now < *start_due_))) return;
  changed_ = false;
  start_due_.reset();
  Census counted = census();
  drain_old_templates(now, out);
  remove_surplus(counted, now, out);
  counted = census();
  start_missing(counted, now, out);
}

void Lifecycle::remove_surplus(const Census& census, Instant now, Actions& out) {
  if (census.live > target_)
    drain_some(census.live - target_, /*old_ones=*/false, StopReason::kResize, now, out);
  // Each worker of the present generation that is ready takes the place of an old one, and no sooner.
  const std::size_t places = target_ - std::min(target_, census.ready);
  if (census.old > places) drain_some(census.old - places, /*old_ones=*/true, StopReason::kReload, now, out);
}

bool Lifecycle::goes_first(const WorkerRow& a, const WorkerRow& b) {
  if (a.status != b.status) return a.status == WorkerStatus::kStarting;
  if (a.load != b.load) return a.load < b.load;
  return a.id > b.id;
}

void Lifecycle::drain_some(std::size_t count, bool old_ones, StopReason reason, Instant now, Actions& out) {
  std::vector<WorkerId> candidates;
  workers_.for_each([&](const WorkerRow& row) {
    if (row.live() && row.role == WorkerRole::kWorker && (row.generation != generation_) == old_ones) {
      candidates.push_back(row.id);
    }
  });
  std::sort(candidates.begin(), candidates.end(),
            [this](WorkerId a, WorkerId b) { return goes_first(*workers_.find(a), *workers_.find(b)); });
  for (std::size_t i = 0; i < count && i < candidates.size(); ++i) {
    drain(*workers_.find(candidates[i]), reason, now, out);
  }
}

void Lifecycle::drain_old_templates(Instant now, Actions& out) {
  workers_.for_each([&](WorkerRow& row) {
    const bool wanted = row.generation == generation_ && settings_.start == PoolSettings::Start::kFork;
    if (row.live() && row.role == WorkerRole::kTemplate && !wanted) drain(row, StopReason::kReload, now, out);
  });
}

void Lifecycle::start_missing(Census& census, Instant now, Actions& out) {
  const bool fork = settings_.start == PoolSettings::Start::kFork;
  if (fork && !census.fork_template) {
    if (!census.template_ending && may_start(census, now)) start(WorkerRole::kTemplate, {}, now, out);
    return;
  }
  if (fork && !census.template_ready) return;
  // While old workers are being replaced, the pool may be larger by a quarter.
  const std::size_t limit = census.old > 0 ? target_ + std::max<std::size_t>(1, target_ / 4) : target_;
  // One that we end for a failure keeps its place until it is reaped: only then is known what it means for
  // the next one, and there are never more processes than wanted.
  while (census.live + census.ending < target_ && census.live + census.old < limit &&
         may_start(census, now)) {
    start(WorkerRole::kWorker, fork ? census.fork_template : WorkerId{}, now, out);
    ++census.live;
    ++census.starting;
  }
}

bool Lifecycle::may_start(const Census& census, Instant now) {
  if (policy_.may_start(census.starting + census.ending, now)) return !workers_.full();
  start_due_ = policy_.next_start(now);
  return false;
}

void Lifecycle::start(WorkerRole role, WorkerId from, Instant now, Actions& out) {
  WorkerRow& row = workers_.add(role, generation_, now);
  if (role == WorkerRole::kWorker && !vacant_.empty()) {
    row.lineage = vacant_.back();
    vacant_.pop_back();
  }
  workers_.set_deadline(row, now + settings_.start_timeout);
  ++counters_.starts;
  out.push_back(action::StartWorker{row.id, role, from});
}

std::size_t Lifecycle::scheduled() const {
  const std::size_t live = census().live;
  return stopping_ || live >= target_ ? 0 : target_ - live;
}

bool Lifecycle::any_live() const {
  const Census counted = census();
  return counted.live + counted.old > 0;
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
