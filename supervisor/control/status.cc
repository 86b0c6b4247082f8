#include "supervisor/control/status.h"

#include <fmt/format.h>

#include <algorithm>

#include "proto/joined.h"
#include "supervisor/control/rollout_words.h"

namespace prefork {
namespace {

bool is_ready(const WorkerStatusLine& worker) {
  return worker.status == WorkerStatus::kReady && worker.role == WorkerRole::kWorker;
}

char score(const WorkerStatusLine& worker) {
  if (worker.role == WorkerRole::kTemplate) return 'T';
  switch (worker.status) {
    case WorkerStatus::kStarting: return 'S';
    case WorkerStatus::kReady: return worker.stopped ? 'Z' : worker.load > 0 ? 'B' : '_';
    case WorkerStatus::kDraining: return 'D';
    case WorkerStatus::kStopping: return 'K';
  }
  return '?';
}

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

std::size_t ready_workers(const PoolStatus& pool) {
  return static_cast<std::size_t>(std::count_if(pool.workers.begin(), pool.workers.end(), is_ready));
}

std::string summary(const std::vector<PoolSummary>& pools) {
  std::vector<std::string> parts;
  for (const PoolSummary& pool : pools) {
    parts.push_back(fmt::format("{}: {} of {} workers ready, {} busy, {} queued{}", pool.name, pool.ready,
                                pool.target, pool.busy, pool.queued, remark(pool)));
  }
  return joined(parts, "; ");
}

std::string state_of(const WorkerStatusLine& worker) {
  if (worker.status == WorkerStatus::kReady)
    return worker.stopped ? "stopped" : worker.load > 0 ? "busy" : "idle";
  return std::string(to_string(worker.status));
}

std::string scoreboard(const std::vector<WorkerStatusLine>& workers) {
  std::string board;
  for (const WorkerStatusLine& worker : workers) board += score(worker);
  return board;
}

}  // namespace prefork
