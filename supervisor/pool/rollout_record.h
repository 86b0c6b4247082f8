// Remembers what has become of a pool's last rollout, in words: each report of the core replaces what was
// known. PoolRunner owns it; the status shows it, and an upgrade in place carries it over.
#pragma once

#include "supervisor/core/action_report.h"
#include "supervisor/core/lifecycle.h"
#include "supervisor/core/rollout_verdict.h"
#include "supervisor/workers/process_table.h"

namespace prefork {

class RolloutRecord {
 public:
  /// A new pool: its first generation starts.
  RolloutRecord(Generation first, Instant now) : verdict_{first, RolloutOutcome::kStarting, now} {}

  /// `processes` still has the worker that has failed.
  void note(const action::ReportRollout& report, const ProcessTable& processes, Instant now);
  /// The pool has a new configuration. The verdict stays until the next rollout.
  void configured() { old_one_serves_ = false; }
  /// The last rollout, to the present configuration, has failed: it is not what the workers that serve are
  /// started from.
  [[nodiscard]] bool old_one_serves() const { return old_one_serves_; }
  [[nodiscard]] const RolloutVerdict& verdict() const { return verdict_; }
  /// The last rollout has failed, and its configuration is not in force any more. `serving`: the generation
  /// that serves.
  [[nodiscard]] bool is_taken_back(Generation serving) const {
    return verdict_.outcome == RolloutOutcome::kFailed && verdict_.generation != serving && !old_one_serves_;
  }

  // For an upgrade in place. `lifecycle` tells what is known where the program before kept no record.
  void adopt(const RolloutVerdict& verdict, bool old_one_serves, const Lifecycle& lifecycle);

 private:
  RolloutVerdict verdict_;
  bool old_one_serves_ = false;
};

}  // namespace prefork
