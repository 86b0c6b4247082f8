#include "supervisor/pool/pool_status.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "supervisor/system/clock.h"
#include "supervisor/system/tcp_listener.h"

namespace prefork {
namespace {

std::string_view to_string(Pool::Phase phase) {
  switch (phase) {
    case Pool::Phase::kRunning: return "running";
    case Pool::Phase::kFinishing: return "stopping, serving its queue";
    case Pool::Phase::kLeaving: return "stopping, waiting for its workers";
    case Pool::Phase::kStopped: return "stopped";
  }
  return "?";
}

ListenerStatus status_of(const Listener& listener) {
  ListenerStatus status{listener.socket().name(), listener.accepted(), listener.paused(),
                        listener.socket().file_is_removed()};
  if (const auto backlog = backlog_of(listener.socket().descriptor())) {
    status.backlog = backlog->waiting;
    status.backlog_limit = backlog->limit;
  }
  return status;
}

WorkerCell cell_of(const WorkerRow& row) {
  return {row.id.sequence(), row.role, row.status, row.stopped, row.load, row.slots};
}

WorkerStatusLine status_of(const WorkerRow& row, const WorkerProcess* process, Instant now) {
  WorkerStatusLine line;
  static_cast<WorkerCell&>(line) = cell_of(row);
  line.reason = row.reason;
  line.reported_load = row.reported_load;
  line.served = row.served;
  line.generation = row.generation;
  line.age = now - row.started_at;
  line.in_status = now - row.since;
  line.restarts = row.lineage.restarts;
  line.last_death = row.lineage.last_death;
  if (process != nullptr) {
    line.pid = process->pid();
    line.note = process->note();
  }
  return line;
}

}  // namespace

PoolStatus status_of(const PoolConfig& config, const Pool& pool, const ListenerSet::Listeners& listeners,
                     const ProcessTable& processes, bool workers) {
  const Instant now = current_time();
  PoolStatus status;
  status.name = config.name;
  status.state = to_string(pool.phase());
  status.accepting = pool.accepting();
  status.saturated = pool.saturated();
  status.configured = config.workers;
  status.target = pool.lifecycle().target();
  status.scheduled = pool.lifecycle().scheduled();
  status.start_failures = pool.lifecycle().failures();
  status.generation = pool.lifecycle().rollout().generation();
  status.trial = pool.lifecycle().rollout().trial();
  status.rollouts = pool.lifecycle().rollout().counts();
  status.queued = pool.connections().queued();
  status.queue_max = config.queue.max;
  status.silent = pool.connections().silent();
  status.parked = pool.connections().parked();
  status.with_workers = pool.connections().size() - status.queued - status.silent - status.parked;
  status.counters = pool.counters();
  status.waits = percentiles_of(pool.counters().waits.last_minute(now));
  status.busy = percentiles_of(pool.counters().busy_times.last_minute(now));
  status.total_waits = totals_of(pool.counters().waits.total());
  status.total_busy = totals_of(pool.counters().busy_times.total());
  for (const auto& listener : listeners) status.listeners.push_back(status_of(*listener));
  std::vector<const WorkerRow*> rows;
  rows.reserve(pool.workers().size());
  pool.workers().for_each([&](const WorkerRow& row) { rows.push_back(&row); });
  std::sort(rows.begin(), rows.end(), [](const WorkerRow* a, const WorkerRow* b) { return a->id < b->id; });
  status.cells.reserve(rows.size());
  for (const WorkerRow* row : rows) status.cells.push_back(cell_of(*row));
  if (!workers) return status;
  status.workers.reserve(rows.size());
  for (const WorkerRow* row : rows) status.workers.push_back(status_of(*row, processes.find(row->id), now));
  return status;
}

std::optional<WorkerStatusLine> worker_status(const Pool& pool, const ProcessTable& processes,
                                              std::uint64_t number) {
  const WorkerRow* found = nullptr;
  pool.workers().for_each([&](const WorkerRow& row) {
    if (row.id.sequence() == number) found = &row;
  });
  if (found == nullptr) return std::nullopt;
  return status_of(*found, processes.find(found->id), current_time());
}

PoolSummary summary_of(const PoolConfig& config, const Pool& pool) {
  PoolSummary summary;
  summary.name = config.name;
  summary.target = pool.lifecycle().target();
  summary.queued = pool.connections().queued();
  pool.workers().for_each([&](const WorkerRow& row) {
    if (row.role != WorkerRole::kWorker || row.status != WorkerStatus::kReady) return;
    ++summary.ready;
    if (row.load > 0) ++summary.busy;
  });
  return summary;
}

}  // namespace prefork
