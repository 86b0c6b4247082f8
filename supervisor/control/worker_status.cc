#include "supervisor/control/worker_status.h"

#include <algorithm>

namespace prefork {
namespace {

/// A worker that is stopped by a signal gets no connection.
bool is_ready(const WorkerCell& worker) {
  return worker.status == WorkerStatus::kReady && worker.role == WorkerRole::kWorker && !worker.stopped;
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

}  // namespace

std::size_t ready_workers(const std::vector<WorkerCell>& cells) {
  return static_cast<std::size_t>(std::count_if(cells.begin(), cells.end(), is_ready));
}

SlotCount slots_of(const std::vector<WorkerCell>& cells) {
  SlotCount count;
  for (const WorkerCell& worker : cells) {
    if (!is_ready(worker)) continue;
    count.busy += worker.load;
    count.total += worker.slots;
  }
  return count;
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
