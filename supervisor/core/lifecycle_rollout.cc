// The part of Lifecycle that replaces one generation by the next: a trial, then all the others.
#include <algorithm>
#include <utility>

#include "supervisor/core/lifecycle.h"

namespace prefork {
namespace {

/// Older ones are ended, whatever they are still busy with.
constexpr std::size_t kOldGenerations = 2;
/// One that gets too few connections to prove itself by has proven itself after so many times the probation.
constexpr int kPatience = 3;

}  // namespace

void Lifecycle::replace_all(Instant now, Actions& out) {
  end_trial(now, out);
  const Generation next = ++last_generation_;
  generations_.push_back(next);
  changed_ = true;
  if (census().ready > 0 && target_ > 0) {
    trial_ = Trial{next, settings_.start, {}};
    out.push_back(action::ReportRollout{action::ReportRollout::Stage::kTrial, next, {}});
    return;
  }
  // Nobody serves: there is nothing to be careful of.
  succeed(next, settings_.start, now, out);
}

void Lifecycle::succeed(Generation next, StartForm start, Instant now, Actions& out) {
  past_.push_back(std::exchange(generation_, next));
  start_ = start;
  end_oldest(now, out);
}

void Lifecycle::run_trial(Instant now, Actions& out) {
  if (!trial_) return;
  trial_due_.reset();
  if (trial_->worker) {
    if (trial_passed(now)) take_over(now, out);
    return;
  }
  if (workers_.full()) return;
  WorkerId origin;
  if (trial_->start == StartForm::kFork) {
    const WorkerRow* first = nullptr;
    workers_.for_each([&](const WorkerRow& row) {
      if (on_trial(row)) first = &row;
    });
    if (first == nullptr) {
      (void)start(WorkerRole::kTemplate, {}, trial_->generation, now, out);
      return;
    }
    if (first->status != WorkerStatus::kReady) return;
    origin = first->id;
  }
  trial_->worker = start(WorkerRole::kWorker, origin, trial_->generation, now, out);
}

bool Lifecycle::trial_passed(Instant now) {
  const WorkerRow* row = workers_.find(trial_->worker);
  if (row == nullptr || row->status != WorkerStatus::kReady) return false;
  const PoolSettings::Probation& probation = settings_.probation;
  Instant due = row->ready_at + probation.time;
  if (now >= due && row->served < probation.connections) due = row->ready_at + kPatience * probation.time;
  if (now >= due) return true;
  trial_due_ = due;
  return false;
}

void Lifecycle::take_over(Instant now, Actions& out) {
  const Trial passed = *trial_;
  trial_.reset();
  policy_.configure(settings_, now);
  policy_.on_ready(now);
  out.push_back(action::ReportRollout{action::ReportRollout::Stage::kTakesOver, passed.generation, {}});
  succeed(passed.generation, passed.start, now, out);
}

void Lifecycle::end_trial(Instant now, Actions& out) {
  if (!trial_) return;
  const Generation generation = trial_->generation;
  trial_.reset();
  trial_due_.reset();
  workers_.for_each([&](WorkerRow& row) {
    if (row.generation == generation && row.live()) drain(row, StopReason::kReload, now, out);
  });
}

void Lifecycle::end_oldest(Instant now, Actions& out) {
  if (past_.size() <= kOldGenerations) return;
  past_.erase(past_.begin());
  // Those that still serve leave as the others do, one for each that is ready in their place.
  workers_.for_each([&](WorkerRow& row) {
    if (row.generation < past_.front() && !row.live()) terminate(row, StopReason::kDrainTimeout, now, out);
  });
}

void Lifecycle::forget_generations(Actions& out) {
  if (generations_.size() == 1) return;
  std::erase_if(generations_, [&](Generation generation) {
    if (generation == generation_ || (trial_ && generation == trial_->generation)) return false;
    bool used = false;
    workers_.for_each([&](const WorkerRow& row) { used = used || row.generation == generation; });
    if (!used) out.push_back(action::ForgetGeneration{generation});
    return !used;
  });
}

}  // namespace prefork
