#include "supervisor/pool/rollout_record.h"

#include "supervisor/control/describe.h"

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

}  // namespace

void RolloutRecord::note(const action::ReportRollout& report, const ProcessTable& processes, Instant now) {
  verdict_ = RolloutVerdict{report.generation, outcome_of(report.stage), now};
  old_one_serves_ = report.stage == Stage::kFailed;
  if (!report.death) return;
  const WorkerProcess* process = processes.find(report.death->worker);
  verdict_.text = describe(*report.death, process == nullptr ? "" : process->start_error());
  if (process != nullptr && process->output() != nullptr) verdict_.output = process->output()->last_lines();
}

void RolloutRecord::adopt(const RolloutVerdict& verdict, bool old_one_serves, Generation serving) {
  old_one_serves_ = old_one_serves;
  if (verdict.generation != 0) {
    verdict_ = verdict;
  } else {
    verdict_.generation = serving;
    verdict_.outcome = RolloutOutcome::kTookOver;
  }
}

}  // namespace prefork
