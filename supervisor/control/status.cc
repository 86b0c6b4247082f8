#include "supervisor/control/status.h"

#include <fmt/format.h>

#include <algorithm>

#include "proto/counted.h"
#include "proto/joined.h"
#include "supervisor/control/rollout_words.h"

namespace prefork {
namespace {

bool is_ready(const WorkerCell& worker) {
  return worker.status == WorkerStatus::kReady && worker.role == WorkerRole::kWorker;
}

char score(const WorkerCell& worker) {
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

TotalTimes totals_of(const Histogram& times) { return {times.count(), times.sum_us(), times.cumulative()}; }

std::size_t ready_workers(const PoolStatus& pool) {
  return static_cast<std::size_t>(std::count_if(pool.cells.begin(), pool.cells.end(), is_ready));
}

SlotCount slots_of(const PoolStatus& pool) {
  SlotCount count;
  for (const WorkerCell& worker : pool.cells) {
    if (!is_ready(worker)) continue;
    count.busy += worker.load;
    count.total += worker.slots;
  }
  return count;
}

std::string summary(const std::vector<PoolSummary>& pools) {
  std::vector<std::string> parts;
  for (const PoolSummary& pool : pools) {
    parts.push_back(fmt::format("{}: {} of {} ready, {} busy, {} queued{}", pool.name, pool.ready,
                                counted(pool.target, "worker"), pool.busy, pool.queued, remark(pool)));
  }
  return joined(parts, "; ");
}

std::string state_of(const WorkerStatusLine& worker) {
  if (worker.status == WorkerStatus::kReady)
    return worker.stopped ? "stopped" : worker.load > 0 ? "busy" : "idle";
  return std::string(to_string(worker.status));
}

std::string scoreboard(const std::vector<WorkerCell>& cells) {
  std::string board;
  for (const WorkerCell& cell : cells) board += score(cell);
  return board;
}

std::string scoreboard_workers(const std::vector<WorkerCell>& cells) {
  std::string ranges;
  for (std::size_t i = 0; i < cells.size();) {
    const std::uint64_t first = cells[i].number;
    std::uint64_t last = first;
    while (++i < cells.size() && cells[i].number == last + 1) ++last;
    ranges += (ranges.empty() ? "" : ",") + std::to_string(first);
    if (last != first) ranges += '-' + std::to_string(last);
  }
  return ranges;
}

}  // namespace prefork
