#include "supervisor/control/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proto/joined.h"
#include "supervisor/control/describe.h"
#include "supervisor/control/worker_columns.h"

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

void add_pool(const PoolStatus& pool, std::vector<std::string>& lines) {
  const Counters& c = pool.counters;
  std::string head =
      fmt::format("pool {}: {}, workers {} ready of {} wanted (configured {}), {} to be started", pool.name,
                  pool.state, ready_workers(pool), pool.target, pool.configured, pool.scheduled);
  if (pool.saturated) head += ", saturated";
  if (pool.start_failures > 0) head += fmt::format(", new workers die ({} in a row)", pool.start_failures);
  head += fmt::format(", generation {}", pool.generation);
  lines.push_back(pool.trial ? head + fmt::format(" ({} on trial)", *pool.trial) : head);
  for (const ListenerStatus& listener : pool.listeners) {
    std::string line = fmt::format("  listen {}: accepted {}", listener.name, listener.accepted);
    if (listener.backlog.value_or(0) > 0)
      line += fmt::format(", waiting in the kernel {} of {}", *listener.backlog, *listener.backlog_limit);
    if (listener.paused) {
      line += ", paused: out of descriptors or memory";
    } else if (!pool.accepting) {
      line += ", not accepting";
    }
    lines.push_back(std::move(line));
  }
  lines.push_back(fmt::format("  queue: now {}, max {}, limit {}; wait p50 {}, p99 {}, max {}", pool.queued,
                              c.queue_high, pool.queue_max, describe(c.waits.percentile(0.5)),
                              describe(c.waits.percentile(0.99)), describe(c.waits.max())));
  lines.push_back(
      fmt::format("  connections: accepted {}, with workers {}, served {}, lost {}, gave_up {}, rejected {}, "
                  "expired {}, discarded {}, left {}, silent {}; dispatched {}, redispatched {}, begun {}",
                  c.accepted, pool.busy, c.served, c.lost, c.gave_up, c.rejected, c.expired, c.discarded,
                  c.left, c.silent, c.dispatched, c.redispatched, c.begun));
  if (pool.silent + pool.parked + c.parked + c.evicted > 0) {
    lines.push_back(fmt::format("  lobby: silent {}, parked {}; parked so far {}, evicted {}", pool.silent,
                                pool.parked, c.parked, c.evicted));
  }
  if (c.busy_times.count() > 0) {
    lines.push_back(fmt::format("  busy: p50 {}, p99 {}, max {}", describe(c.busy_times.percentile(0.5)),
                                describe(c.busy_times.percentile(0.99)), describe(c.busy_times.max())));
  }
  lines.push_back(fmt::format("  deaths: crashes {}, start_failures {}, violations {}; starts {}", c.crashes,
                              c.start_failures, c.violations, c.starts));
  lines.push_back("  scoreboard: [" + scoreboard(pool.workers) + "]");
}

WorkerColumns columns_of(const WorkerStatusLine& worker) {
  std::string remark = worker.last_death.empty() ? "-" : worker.last_death;
  if (!worker.note.empty()) remark += " / " + worker.note;
  return {.worker = worker.number,
          .pid = worker.pid,
          .is_template = worker.role == WorkerRole::kTemplate,
          .state = state_of(worker),
          .load = worker.load,
          .slots = worker.slots,
          .served = worker.served,
          .generation = worker.generation,
          .age = worker.age,
          .in_state = worker.in_status,
          .restarts = worker.restarts,
          .remark = std::move(remark)};
}

void add_workers(const PoolStatus& pool, std::vector<std::string>& lines) {
  if (pool.workers.empty()) return;
  lines.push_back(worker_titles(RateColumn::kNone));
  for (const WorkerStatusLine& worker : pool.workers) lines.push_back(worker_line(columns_of(worker)));
}

}  // namespace

std::size_t ready_workers(const PoolStatus& pool) {
  return static_cast<std::size_t>(std::count_if(pool.workers.begin(), pool.workers.end(), is_ready));
}

std::string summary(const std::vector<PoolSummary>& pools) {
  std::vector<std::string> parts;
  for (const PoolSummary& pool : pools) {
    parts.push_back(fmt::format("{}: {} of {} workers ready, {} busy, {} queued", pool.name, pool.ready,
                                pool.target, pool.busy, pool.queued));
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

std::vector<std::string> to_table(const SupervisorStatus& status) {
  std::vector<std::string> lines;
  std::string strangers;
  if (status.strangers_reaped > 0) {
    strangers = fmt::format("{} stranger{} reaped, ", status.strangers_reaped,
                            status.strangers_reaped == 1 ? "" : "s");
  }
  lines.push_back(fmt::format("supervisor {}, pid {}, up {}, {}, {}{} pool{}", status.version, status.pid,
                              describe(status.uptime), status.config_file, strangers, status.pools.size(),
                              status.pools.size() == 1 ? "" : "s"));
  lines.push_back(fmt::format("loop: longest turn {}, in the last minute {}", describe(status.longest_turn),
                              describe(status.longest_turn_lately)));
  for (const PoolStatus& pool : status.pools) {
    add_pool(pool, lines);
    add_workers(pool, lines);
  }
  return lines;
}

}  // namespace prefork
