// What has become of a pool's last rollout, as plain values. The core reports each step of it
// (action::ReportRollout), the pool keeps the last one with its words, and an upgrade carries it over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/ids.h"

namespace prefork {

enum class RolloutOutcome {
  kStarting,   ///< it serves without a trial, because none served before; no worker has been of use yet
  kOnTrial,    ///< its first worker is on trial
  kTookOver,   ///< the trial was passed; without a trial: a worker has been of use, or none is wanted
  kFailed,     ///< the trial was not passed, and the generation that serves stays; without a trial: a worker
               ///< died before it was of use, and others are still started
  kAbandoned,  ///< the trial was ended, because another generation begins or the file was changed back
};

struct RolloutVerdict {
  Generation generation = 0;  ///< 0: nothing is known
  RolloutOutcome outcome = RolloutOutcome::kStarting;
  std::optional<Instant> since = {};     ///< none: not known, an earlier version did not note it
  std::string text = {};                 ///< kFailed: why
  std::vector<std::string> output = {};  ///< kFailed: the last lines of the worker that failed, if captured

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("generation", self.generation), visit("outcome", self.outcome), visit("since", self.since);
    visit("text", self.text), visit("output", self.output);
  }
};

/// The verdicts so far. A generation that starts without a trial may have two: it failed, and serves after
/// all.
struct RolloutCounts {
  std::uint64_t took_over = 0, failed = 0, abandoned = 0;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("took_over", self.took_over), visit("failed", self.failed), visit("abandoned", self.abandoned);
  }
};

}  // namespace prefork
