#include "supervisor/control/status_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proto/counted.h"
#include "supervisor/control/admin_words.h"
#include "supervisor/control/describe.h"
#include "supervisor/control/reload_words.h"
#include "supervisor/control/rollout_words.h"
#include "supervisor/control/worker_columns.h"

namespace prefork {
namespace {

std::string in_words(const Percentiles& times) {
  return fmt::format("p50 {}, p99 {}, max {}", describe(times.p50), describe(times.p99), describe(times.max));
}

void add_rollout(const PoolStatus& pool, std::vector<std::string>& lines) {
  if (pool.rollout.generation == 0) return;
  lines.push_back("  rollout: " + describe(pool.rollout, pool.rollout_ago, pool.target > 0));
  for (const std::string& line : pool.rollout.output) lines.push_back("    last wrote: " + line);
}

void add_pool(const PoolStatus& pool, std::vector<std::string>& lines) {
  const Counts& c = pool.counters;
  std::string head =
      fmt::format("pool {}: {}, workers {} ready of {} wanted (configured {}), {} to be started", pool.name,
                  pool.state, ready_workers(pool), pool.target, pool.configured, pool.scheduled);
  if (pool.saturated) head += ", saturated";
  if (pool.start_failures > 0) head += fmt::format(", new workers die ({} in a row)", pool.start_failures);
  head += fmt::format(", generation {}", pool.generation);
  lines.push_back(pool.trial ? head + fmt::format(" ({} on trial)", *pool.trial) : head);
  add_rollout(pool, lines);
  for (const ListenerStatus& listener : pool.listeners) {
    std::string line = fmt::format("  listen {}: accepted {}", listener.name, listener.accepted);
    if (listener.backlog.value_or(0) > 0)
      line += fmt::format(", waiting in the kernel {} of {}", *listener.backlog, *listener.backlog_limit);
    if (listener.file_missing) line += ", its file is missing: no client can connect, a reload opens it anew";
    if (listener.paused) {
      line += ", paused: out of descriptors or memory";
    } else if (!pool.accepting) {
      line += ", not accepting";
    }
    lines.push_back(std::move(line));
  }
  lines.push_back(fmt::format("  queue: now {}, max {}, limit {}; wait in the last minute {}", pool.queued,
                              c.queue_high, pool.queue_max, in_words(pool.waits)));
  lines.push_back(
      fmt::format("  connections: accepted {}, with workers {}, served {}, lost {}, gave_up {}, rejected {}, "
                  "expired {}, discarded {}, left {}, silent {}; dispatched {}, redispatched {}, begun {}",
                  c.accepted, pool.with_workers, c.served, c.lost, c.gave_up, c.rejected, c.expired,
                  c.discarded, c.left, c.silent, c.dispatched, c.redispatched, c.begun));
  if (pool.silent + pool.parked + c.parked + c.evicted > 0) {
    lines.push_back(fmt::format("  lobby: silent {}, parked {}; parked so far {}, evicted {}", pool.silent,
                                pool.parked, c.parked, c.evicted));
  }
  if (pool.busy.count > 0) lines.push_back("  busy in the last minute: " + in_words(pool.busy));
  lines.push_back(fmt::format("  deaths: crashes {}, start_failures {}, violations {}; starts {}", c.crashes,
                              c.start_failures, c.violations, c.starts));
  lines.push_back("  scoreboard: [" + scoreboard(pool.cells) + "]");
}

WorkerColumns columns_of(const WorkerStatusLine& worker) {
  std::string remark = worker.last_death ? describe(*worker.last_death) : "-";
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

void add_supervisor(const SupervisorStatus& status, std::vector<std::string>& lines) {
  std::string strangers;
  if (status.strangers_reaped > 0) {
    strangers = counted(status.strangers_reaped, "stranger") + " reaped, ";
  }
  lines.push_back(fmt::format("supervisor {}, pid {}, up {}, {}, {}{}", status.version, status.pid,
                              describe(status.uptime), status.config_file, strangers,
                              counted(status.pools.size(), "pool")));
  lines.push_back(fmt::format("loop: longest turn {}, in the last minute {}", describe(status.longest_turn),
                              describe(status.longest_turn_lately)));
  if (status.stop_delay_left)
    lines.push_back(
        fmt::format("stopping: connections are accepted for {} more", describe(*status.stop_delay_left)));
  if (status.reload) {
    for (std::string& line : describe(*status.reload, status.reload_ago)) lines.push_back(std::move(line));
  }
  if (!status.log_file_fault.empty()) lines.push_back("log file: " + status.log_file_fault);
  if (status.admin) lines.push_back(describe(*status.admin));
  if (status.control_file_missing)
    lines.emplace_back("control socket: its file is missing: no client can connect, a reload opens it anew");
}

}  // namespace

bool StatusTable::add_next(std::vector<std::string>& lines) {
  if (!std::exchange(begun_, true)) {
    add_supervisor(status_, lines);
    return !status_.pools.empty();
  }
  const PoolStatus& pool = status_.pools[pool_];
  if (worker_ == 0) add_pool(pool, lines);
  if (worker_ == 0 && !pool.workers.empty()) lines.push_back(worker_titles(ColumnSet::kTable));
  const std::size_t end = std::min(pool.workers.size(), worker_ + kWorkersAtATime);
  for (; worker_ < end; ++worker_) lines.push_back(worker_line(columns_of(pool.workers[worker_])));
  if (worker_ == pool.workers.size()) {
    ++pool_;
    worker_ = 0;
  }
  return pool_ < status_.pools.size();
}

}  // namespace prefork
