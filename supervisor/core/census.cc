#include "supervisor/core/census.h"

#include <algorithm>

namespace prefork {
namespace {

/// Ends for a failure, and is not reaped yet.
bool is_ending(const WorkerRow& row) { return !row.live() && is_failure(row.reason); }

}  // namespace

Census::Census(const WorkerTable& workers, Generation serving, std::optional<Generation> trial,
               std::size_t max_replaced) {
  workers.for_each([&](const WorkerRow& row) {
    if (row.on_trial(trial)) {
      on_trial = on_trial || row.live();
    } else {
      count(row, serving);
    }
  });
  // Beyond the bound no worker is started in the place of one that hangs.
  ending -= std::min(stuck, max_replaced);
  // The same for stopped workers. When one is continued there is one worker too many, and the idlest leaves.
  const std::size_t replaced = std::min(stopped, max_replaced);
  live -= replaced;
  ready -= replaced;
}

void Census::count(const WorkerRow& row, Generation serving) {
  if (row.role == WorkerRole::kTemplate) {
    if (row.generation == serving) count_template(row);
  } else if (row.serves(serving)) {
    count_serving(row);
  } else if (row.live()) {
    ++old;
    if (row.generation == serving) ++retiring;
  }
}

void Census::count_serving(const WorkerRow& row) {
  if (row.live()) ++live;
  if (row.status == WorkerStatus::kReady) ++ready;
  if (row.status == WorkerStatus::kReady && row.stopped) ++stopped;
  if (row.status == WorkerStatus::kStarting) ++starting;
  if (row.status == WorkerStatus::kDraining && row.reason == StopReason::kLeft) ++leaving;
  if (is_ending(row)) ++ending;
  if (is_ending(row) && row.stuck) ++stuck;
}

void Census::count_template(const WorkerRow& row) {
  if (is_ending(row) && !row.stuck) template_ending = true;
  if (!row.live()) return;
  if (row.status == WorkerStatus::kStarting) ++starting;
  fork_template = row.id;
  template_ready = row.status == WorkerStatus::kReady;
}

}  // namespace prefork
