#include "supervisor/pool/rollout_record.h"

#include "supervisor/control/describe.h"
#include "supervisor/pool/start_clue.h"

namespace prefork {
namespace {

using Stage = action::ReportRollout::Stage;

RolloutOutcome outcome_of(Stage stage) {
  switch (stage) {
    case Stage::kTrial: return RolloutOutcome::kOnTrial;
    case Stage::kStarts: return RolloutOutcome::kStarting;
    case Stage::kTakesOver:
    case Stage::kServes: return RolloutOutcome::kTookOver;
    case Stage::kFailed:
    case Stage::kDoesNotStart: return RolloutOutcome::kFailed;
    case Stage::kAbandoned: return RolloutOutcome::kAbandoned;
  }
  return RolloutOutcome::kFailed;
}

/// Of a rollout that an earlier version has begun.
RolloutVerdict seen_in(const Lifecycle& lifecycle, bool old_one_serves) {
  const Rollout& rollout = lifecycle.rollout();
  if (const auto trial = rollout.trial()) return {*trial, RolloutOutcome::kOnTrial};
  if (old_one_serves) {
    return {
        rollout.next_generation() - 1, RolloutOutcome::kFailed, {}, "an earlier version did not note why"};
  }
  return {rollout.generation(), lifecycle.serves() ? RolloutOutcome::kTookOver : RolloutOutcome::kStarting};
}

}  // namespace

void RolloutRecord::note(const action::ReportRollout& report, const ProcessTable& processes, Instant now) {
  verdict_ = RolloutVerdict{report.generation, outcome_of(report.stage), now};
  old_one_serves_ = report.stage == Stage::kFailed;
  if (!report.death) return;
  const WorkerProcess* process = processes.find(report.death->worker);
  verdict_.text = describe(*report.death, listen_words(process));
  if (process != nullptr && process->output() != nullptr) verdict_.output = process->output()->last_lines();
}

void RolloutRecord::adopt(const RolloutVerdict& verdict, bool old_one_serves, const Lifecycle& lifecycle) {
  old_one_serves_ = old_one_serves;
  verdict_ = verdict.generation != 0 ? verdict : seen_in(lifecycle, old_one_serves);
}

}  // namespace prefork
