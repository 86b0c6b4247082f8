#include "supervisor/core/rollout.h"

#include <algorithm>
#include <utility>

namespace prefork {

std::optional<Generation> Rollout::trial() const {
  return trial_ ? std::optional(trial_->generation) : std::nullopt;
}

std::optional<Generation> Rollout::begin(bool with_trial, Actions& out) {
  const Generation next = ++last_generation_;
  generations_.push_back(next);
  debut_ = with_trial ? Debut::kOver : Debut::kUntried;
  proof_due_.reset();
  report(with_trial ? Stage::kTrial : Stage::kStarts, next, {}, out);
  if (!with_trial) return succeed(next, settings_.start);
  trial_ = Candidate{next, settings_.start, {}};
  return std::nullopt;
}

std::optional<Generation> Rollout::take_over(Actions& out) {
  const Candidate passed = *trial_;
  trial_.reset();
  report(Stage::kTakesOver, passed.generation, {}, out);
  return succeed(passed.generation, passed.start);
}

std::optional<Generation> Rollout::succeed(Generation next, StartForm start) {
  past_.push_back(std::exchange(generation_, next));
  start_ = start;
  if (past_.size() <= kOldGenerations) return std::nullopt;
  past_.erase(past_.begin());
  return past_.front();
}

void Rollout::report(Stage stage, Generation generation, const std::optional<DeathRecord>& death,
                     Actions& out) {
  switch (stage) {
    case Stage::kTrial:
    case Stage::kStarts: break;
    case Stage::kTakesOver:
    case Stage::kServes: ++counts_.took_over; break;
    case Stage::kFailed:
    case Stage::kDoesNotStart: ++counts_.failed; break;
    case Stage::kAbandoned: ++counts_.abandoned; break;
  }
  out.push_back(action::ReportRollout{stage, generation, death});
}

std::optional<Generation> Rollout::end_trial() {
  const std::optional<Generation> ended = trial();
  trial_.reset();
  trial_due_.reset();
  return ended;
}

void Rollout::ready(Instant proof_due) {
  if (debut_ != Debut::kOver) proof_due_ = proof_due;
}

void Rollout::proven(Actions& out) {
  if (debut_ == Debut::kOver) return;
  debut_ = Debut::kOver;
  proof_due_.reset();
  report(Stage::kServes, generation_, {}, out);
}

void Rollout::not_started(const DeathRecord& death, Actions& out) {
  proof_due_.reset();
  if (debut_ != Debut::kUntried) return;
  debut_ = Debut::kFails;
  report(Stage::kDoesNotStart, generation_, death, out);
}

void Rollout::restored(bool serves) {
  if (debut_ == Debut::kNotNoted) debut_ = serves || trial_ ? Debut::kOver : Debut::kUntried;
}

Trial Rollout::judge(Instant now) {
  trial_due_.reset();
  const WorkerRow* row = workers_.find(candidate());
  if (row == nullptr) return Trial::kUndecided;
  const Verdict verdict = probation_.judge(*row, now);
  trial_due_ = verdict.ask_again;
  return verdict.trial;
}

std::optional<Rollout::Missing> Rollout::missing() const {
  if (!trial_ || trial_->worker) return std::nullopt;
  if (trial_->start == StartForm::kExec) return Missing{};
  const WorkerRow* fork_template = nullptr;
  workers_.for_each([&](const WorkerRow& row) {
    if (on_trial(row)) fork_template = &row;
  });
  if (fork_template == nullptr) return Missing{WorkerRole::kTemplate, {}};
  if (fork_template->status != WorkerStatus::kReady) return std::nullopt;
  return Missing{WorkerRole::kWorker, fork_template->id};
}

void Rollout::forget_unused(Actions& out) {
  if (generations_.size() == 1) return;
  std::erase_if(generations_, [&](Generation generation) {
    if (generation == generation_ || generation == trial()) return false;
    bool used = false;
    workers_.for_each([&](const WorkerRow& row) { used = used || row.generation == generation; });
    if (!used) out.push_back(action::ForgetGeneration{generation});
    return !used;
  });
}

}  // namespace prefork
