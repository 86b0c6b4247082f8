#include "supervisor/control/status.h"

#include <fmt/format.h>

#include <algorithm>

#include "proto/counted.h"
#include "proto/joined.h"
#include "supervisor/control/rollout_words.h"

namespace prefork {
namespace {

/// In a summary: what is unusual.
const char* remark(const PoolSummary& pool) {
  switch (pool.rollout) {
    case RolloutOutcome::kOnTrial: return ", rollout on trial";
    case RolloutOutcome::kFailed: return pool.failed_in_force ? ", rollout failed" : "";
    case RolloutOutcome::kStarting:
    case RolloutOutcome::kTookOver:
    case RolloutOutcome::kAbandoned: break;
  }
  return "";
}

}  // namespace

Percentiles percentiles_of(const Histogram& times) {
  return {times.count(), times.percentile(0.5), times.percentile(0.99), times.max()};
}

TotalTimes totals_of(const Histogram& times) { return {times.count(), times.sum_us(), times.cumulative()}; }

std::string summary(const std::vector<PoolSummary>& pools) {
  std::vector<std::string> parts;
  for (const PoolSummary& pool : pools) {
    parts.push_back(fmt::format("{}: {} of {} ready, {} busy, {} queued{}", pool.name, pool.ready,
                                counted(pool.target, "worker"), pool.busy, pool.queued, remark(pool)));
  }
  return joined(parts, "; ");
}

}  // namespace prefork
