// Turns the core's reports on one pool into log lines and into events for the clients of the control socket.
// Changes nothing. The other parts of the pool take the names of their workers from here.
#pragma once

#include <string>

#include "proto/fd.h"
#include "supervisor/control/control_event.h"
#include "supervisor/core/action.h"
#include "supervisor/core/worker_table.h"
#include "supervisor/loop/log.h"
#include "supervisor/spawner/launch.h"
#include "supervisor/workers/process_table.h"

namespace prefork {

class PoolReporter {
 public:
  /// Where the reporter looks up the workers and connections that a report names. They outlive it.
  struct Sources {
    const WorkerTable& workers;
    const ProcessTable& processes;
  };

  PoolReporter(std::string pool, Log& log, EventSink& events, Sources sources);

  void report(const action::ReportReady& report) const;
  void report(const action::ReportDeath& report) const;
  void report(const action::ReportStarts& report) const;
  void report(const action::ReportViolation& report) const;
  void report(const action::ReportRollout& report) const;
  void report(const action::ReportStuck& report) const;
  void report(const action::ReportStopped& report) const;
  void report(const action::ReportSize& report) const;
  void report(const action::ReportAllReady& report) const;
  void report(const action::ReportRedispatched& report) const;
  void report(const action::ReportSaturation& report) const;
  void report(const action::ReportSocketBlocked& report) const;
  void report(const action::Stopped& report) const;
  /// What the workers of a new generation are started from.
  void begins(Generation generation, const Launch& launch) const;
  /// The pid of the worker is known now.
  void has_process(const WorkerProcess& worker) const;

  /// The connection cannot be sent to any worker.
  void cannot_send(Ticket ticket) const;
  /// See action::ReportGaveUp. `client`: its name.
  void gave_up(const std::string& client, unsigned times) const;

  /// "pool web: worker 3 (pid 4711)".
  [[nodiscard]] LogSubject name_of(WorkerId id) const;

 private:
  /// For a worker that the core has forgotten.
  [[nodiscard]] LogSubject name_of(WorkerId id, WorkerRole role) const;
  /// With where it listened, while its process is known.
  [[nodiscard]] std::string describe_death(const DeathRecord& record) const;

  std::string pool_;
  LogSubject about_;  ///< the pool
  Log& log_;
  EventSink& events_;
  Sources sources_;
};

}  // namespace prefork
