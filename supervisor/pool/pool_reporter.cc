#include "supervisor/pool/pool_reporter.h"

#include <utility>
#include <vector>

#include "proto/counted.h"
#include "supervisor/control/describe.h"
#include "supervisor/pool/start_clue.h"

namespace prefork {

PoolReporter::PoolReporter(std::string pool, Log& log, EventSink& events, Sources sources)
    : pool_(std::move(pool)), about_{.pool = pool_}, log_(log), events_(events), sources_(sources) {}

void PoolReporter::has_process(const WorkerProcess& worker) const {
  const WorkerRow* row = sources_.workers.find(worker.id());
  if (row == nullptr) return;
  events_.publish(
      control_event::WorkerStarted{pool_, row->id.sequence(), worker.pid(), row->role, row->generation});
}

void PoolReporter::report(const action::ReportReady& report) const {
  log_.debug("{} is ready after {}", name_of(report.worker), describe(report.took));
  events_.publish(control_event::WorkerReady{pool_, report.worker.sequence(),
                                             sources_.processes.pid_of(report.worker), report.took});
}

void PoolReporter::report(const action::ReportDeath& report) const {
  const DeathRecord& record = report.record;
  const std::string text = describe_death(record);
  const LogSubject name = name_of(record.worker, record.role);
  if (record.is_failure()) {
    log_.warn("{} died: {}", name, text);
  } else {
    log_.debug("{} exited: {}", name, text);
  }
  const WorkerProcess* process = sources_.processes.find(record.worker);
  const WorkerOutput* output = process == nullptr ? nullptr : process->output();
  if (output != nullptr && record.is_failure()) {
    // The other lines stand in the log already.
    for (const std::string& line : output->last_dropped()) log_.warn("{} last wrote: {}", name, line);
  }
  std::vector<std::string> lines = output == nullptr ? std::vector<std::string>() : output->last_lines();
  events_.publish(control_event::WorkerDied{pool_, sources_.processes.pid_of(record.worker), record, text,
                                            std::move(lines)});
}

void PoolReporter::report(const action::ReportStarts& report) const {
  if (report.failures > 0) {
    log_.error("{}: new workers die before they are of use, {} in a row; next attempt in {}", about_,
               report.failures, describe(report.delay));
    events_.publish(control_event::PoolFailed{pool_, report.failures, report.delay});
  } else {
    log_.info("{}: new workers are of use again", about_);
    events_.publish(control_event::PoolRecovered{pool_});
  }
}

void PoolReporter::report(const action::ReportViolation& report) const {
  log_.error("{} broke the protocol and is killed: it sent {}", name_of(report.worker),
             describe(report.violation));
}

void PoolReporter::report(const action::ReportRollout& report) const {
  using Stage = action::ReportRollout::Stage;
  const std::string why = report.death ? describe_death(*report.death) : "";
  events_.publish(control_event::RolloutStaged{pool_, report.stage, report.generation, why});
  switch (report.stage) {
    case Stage::kTrial:
      log_.info("{}: rollout: the first worker of generation {} is on trial", about_, report.generation);
      return;
    case Stage::kTakesOver:
      log_.info("{}: rollout: generation {} takes over", about_, report.generation);
      return;
    case Stage::kFailed:
      log_.error(
          "{}: rollout failed, the workers that serve stay as they are: "
          "the first worker of generation {} died: {}",
          about_, report.generation, why);
      return;
    case Stage::kAbandoned:
      log_.info("{}: rollout: the trial of generation {} is abandoned", about_, report.generation);
      return;
    case Stage::kStarts:
      log_.info("{}: rollout: generation {} starts without a trial", about_, report.generation);
      return;
    case Stage::kServes: log_.debug("{}: generation {} serves", about_, report.generation); return;
    case Stage::kDoesNotStart: return;  // the death is a line of its own, and so is the delay that follows
  }
}

void PoolReporter::report(const action::ReportStuck& report) const {
  // Without a process no SIGKILL was sent: the spawner has not answered since the start was given up.
  const bool has_process = sources_.processes.pid_of(report.worker) != 0;
  log_.error("{} {}; {}", name_of(report.worker),
             has_process ? "survives SIGKILL: it hangs in the kernel"
                         : "has no process: the spawner does not answer",
             report.replaced ? "another worker replaces it" : "too many workers hang to replace it");
}

void PoolReporter::report(const action::ReportStopped& report) const {
  const LogSubject name = name_of(report.worker);
  if (!report.stopped) return log_.info("{} goes on", name);
  log_.warn("{} is stopped by a signal such as SIGSTOP: it gets nothing until SIGCONT continues it", name);
}

void PoolReporter::report(const action::ReportSize& report) const {
  log_.debug("{}: {} wanted, {} before", about_, counted(report.workers, "worker"), report.before);
}

void PoolReporter::report(const action::ReportAllReady& report) const {
  if (report.workers == 1) return log_.info("{}: its worker is ready", about_);
  log_.info("{}: all {} workers are ready", about_, report.workers);
}

void PoolReporter::begins(Generation generation, const Launch& launch) const {
  std::vector<std::string> command = launch.argv;
  if (!command.empty()) command.front() = launch.executable;
  log_.info("{}: generation {} starts {}", about_, generation, describe_command(command));
}

void PoolReporter::report(const action::ReportRedispatched& report) const {
  events_.publish(control_event::ConnectionRedispatched{
      pool_, report.worker.sequence(), sources_.processes.pid_of(report.worker), report.times});
}

void PoolReporter::report(const action::ReportSaturation& report) const {
  events_.publish(control_event::SaturationChanged{pool_, report.saturated, report.queued});
}

void PoolReporter::report(const action::ReportSocketBlocked& report) const {
  log_.error(
      "{} {}: a call on the socket of connection {} has waited for a second for the lock of the socket",
      name_of(report.worker), report.killed ? "is killed" : "has left a process that blocks a socket",
      report.ticket.sequence());
}

void PoolReporter::gave_up(const std::string& client, unsigned times) const {
  log_.error(
      "{}: a connection from {} came back from workers {} times and is closed: it may be what kills "
      "them",
      about_, client, times);
}

void PoolReporter::report(const action::Stopped& report) const {
  if (report.clean()) {
    log_.info("{}: {}", about_, describe(report));
  } else {
    log_.warn("{}: {}", about_, describe(report));
  }
  events_.publish(control_event::PoolStopped{pool_, report.cut.total(), report.killed, describe(report)});
}

void PoolReporter::cannot_send(Ticket ticket) const {
  log_.error("{}: connection {} cannot be sent to a worker and is closed", about_, ticket.sequence());
}

std::string PoolReporter::describe_death(const DeathRecord& record) const {
  return describe(record, listen_words(sources_.processes.find(record.worker)));
}

LogSubject PoolReporter::name_of(WorkerId id) const {
  const WorkerRow* row = sources_.workers.find(id);
  return name_of(id, row == nullptr ? WorkerRole::kWorker : row->role);
}

LogSubject PoolReporter::name_of(WorkerId id, WorkerRole role) const {
  return {pool_, id.sequence(), role == WorkerRole::kTemplate, sources_.processes.pid_of(id)};
}

}  // namespace prefork
