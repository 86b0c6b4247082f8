// The part of PoolRunner that tells people: log lines and the status.
#include <fmt/core.h>

#include <algorithm>

#include "supervisor/control/describe.h"
#include "supervisor/io/pool_runner.h"
#include "supervisor/io/socket.h"
#include "supervisor/io/tcp_listener.h"

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

}  // namespace

void PoolRunner::has_process(const WorkerProcess& worker) {
  const WorkerRow* row = pool_.workers().find(worker.id());
  if (row == nullptr) return;
  around_.events.publish(control_event::WorkerStarted{config_.name, row->id.sequence(), worker.pid(),
                                                      row->role, row->generation});
}

void PoolRunner::perform(const action::ReportReady& action) {
  around_.log.debug("{} is ready after {}", name_of(action.worker), describe(action.took));
  around_.events.publish(
      control_event::WorkerReady{config_.name, action.worker.sequence(), pid_of(action.worker), action.took});
}

void PoolRunner::perform(const action::ReportDeath& action) {
  const std::string text = describe(action.record, failed_start(action.record));
  const std::string name = name_of(action.record.worker, action.record.role);
  if (action.record.is_failure()) {
    around_.log.warn("{} died: {}", name, text);
  } else {
    around_.log.debug("{} left: {}", name, text);
  }
  const WorkerProcess* process = find(action.record.worker);
  const bool captured = process != nullptr && process->output() != nullptr;
  std::vector<std::string> lines = captured ? process->output()->last_lines() : std::vector<std::string>();
  if (action.record.is_failure()) {
    for (const std::string& line : lines) around_.log.warn("{} last wrote: {}", name, line);
  }
  around_.events.publish(control_event::WorkerDied{config_.name, pid_of(action.record.worker), action.record,
                                                   text, std::move(lines)});
}

std::string PoolRunner::failed_start(const DeathRecord& record) const {
  const WorkerProcess* process = find(record.worker);
  return process == nullptr ? "" : process->start_error();
}

void PoolRunner::perform(const action::ReportStarts& action) {
  if (action.failures > 0) {
    around_.log.error("pool {}: starting workers fails, {} in a row; next attempt in {}", config_.name,
                      action.failures, describe(action.delay));
    around_.events.publish(control_event::PoolFailed{config_.name, action.failures, action.delay});
  } else {
    around_.log.info("pool {}: workers start again", config_.name);
    around_.events.publish(control_event::PoolRecovered{config_.name});
  }
}

void PoolRunner::perform(const action::ReportViolation& action) {
  around_.log.error("{} broke the protocol and is killed: it sent {}", name_of(action.worker),
                    describe(action));
}

void PoolRunner::perform(const action::ReportRollout& action) {
  using Stage = action::ReportRollout::Stage;
  rollout_failed_ = action.stage == Stage::kFailed;
  const std::string why = action.death ? describe(*action.death, failed_start(*action.death)) : "";
  around_.events.publish(control_event::RolloutStaged{config_.name, action.stage, action.generation, why});
  switch (action.stage) {
    case Stage::kTrial:
      around_.log.info("pool {}: rollout: the first worker of generation {} is on trial", config_.name,
                       action.generation);
      return;
    case Stage::kTakesOver:
      around_.log.info("pool {}: rollout: generation {} takes over", config_.name, action.generation);
      return;
    case Stage::kFailed:
      around_.log.error(
          "pool {}: rollout failed, the workers that serve stay as they are: "
          "the first worker of generation {} died: {}",
          config_.name, action.generation, why);
      return;
  }
}

void PoolRunner::perform(const action::ReportStuck& action) {
  around_.log.error("{} is not ended by SIGKILL: it hangs in the kernel{}", name_of(action.worker),
                    action.replaced ? ", and another takes its place" : "; too many do to be replaced");
}

void PoolRunner::perform(const action::ReportSize& action) {
  around_.log.debug("pool {}: {} workers wanted, {} before", config_.name, action.workers, action.before);
}

void PoolRunner::perform(const action::ReportRedispatched& action) {
  around_.events.publish(control_event::ConnectionRedispatched{config_.name, action.worker.sequence(),
                                                               pid_of(action.worker), action.times});
}

void PoolRunner::perform(const action::ReportSaturation& action) {
  around_.events.publish(control_event::SaturationChanged{config_.name, action.saturated, action.queued});
}

void PoolRunner::perform(const action::ReportGaveUp& action) {
  around_.log.error(
      "pool {}: a connection from {} came back from workers {} times and is closed: it may be what kills "
      "them",
      config_.name, peer_name(sockets_.at(action.ticket)), action.times);
}

void PoolRunner::perform(const action::Stopped& action) {
  stopped_cleanly_ = action.clean;
  around_.log.info("pool {}: stopped{}", config_.name,
                   action.clean ? "" : "; workers were killed or connections cut, see above");
}

std::string PoolRunner::summary() const {
  std::size_t ready = 0;
  std::size_t busy = 0;
  pool_.workers().for_each([&](const WorkerRow& row) {
    if (row.role != WorkerRole::kWorker || row.status != WorkerStatus::kReady) return;
    ++ready;
    if (row.load > 0) ++busy;
  });
  return fmt::format("{}: {} of {} workers ready, {} busy, {} queued", config_.name, ready,
                     pool_.lifecycle().target(), busy, pool_.connections().queued());
}

PoolStatus PoolRunner::status() const {
  const Instant now = std::chrono::steady_clock::now();
  PoolStatus status;
  status.name = config_.name;
  status.state = to_string(pool_.phase());
  status.accepting = pool_.accepting();
  status.configured = config_.workers;
  status.target = pool_.lifecycle().target();
  status.scheduled = pool_.lifecycle().scheduled();
  status.start_failures = pool_.lifecycle().failures();
  status.generation = pool_.lifecycle().generation();
  status.trial = pool_.lifecycle().trial();
  status.queued = pool_.connections().queued();
  status.queue_max = config_.queue.max;
  status.silent = pool_.connections().silent();
  status.parked = pool_.connections().parked();
  status.busy = pool_.connections().size() - status.queued - status.silent - status.parked;
  status.counters = pool_.counters();
  for (const auto& listener : listeners_) {
    status.listeners.push_back({listener->socket().name(), listener->accepted(), listener->paused()});
    if (const auto backlog = backlog_of(listener->socket().descriptor())) {
      status.listeners.back().backlog = backlog->waiting;
      status.listeners.back().backlog_limit = backlog->limit;
    }
  }
  pool_.workers().for_each([&](const WorkerRow& row) { status.workers.push_back(status_of(row, now)); });
  std::sort(status.workers.begin(), status.workers.end(),
            [](const WorkerStatusLine& a, const WorkerStatusLine& b) { return a.number < b.number; });
  return status;
}

WorkerStatusLine PoolRunner::status_of(const WorkerRow& row, Instant now) const {
  WorkerStatusLine line;
  line.number = row.id.sequence();
  line.role = row.role;
  line.status = row.status;
  line.stopped = row.stopped;
  line.load = row.load;
  line.reported_load = row.reported_load;
  line.slots = row.slots;
  line.served = row.served;
  line.generation = row.generation;
  line.age = now - row.started_at;
  line.in_status = now - row.since;
  line.restarts = row.lineage.restarts;
  if (row.lineage.last_death) line.last_death = describe(*row.lineage.last_death, "");
  if (const WorkerProcess* process = find(row.id)) {
    line.pid = process->pid();
    line.note = process->note();
  }
  return line;
}

}  // namespace prefork
