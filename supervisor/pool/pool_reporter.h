// Tells people what happens in a pool: turns the core's reports into log lines and into events for the
// clients of the control socket. Changes nothing.
#pragma once

#include <string>

#include "supervisor/clients/socket_table.h"
#include "supervisor/control/control_event.h"
#include "supervisor/core/action.h"
#include "supervisor/core/worker_table.h"
#include "supervisor/loop/log.h"
#include "supervisor/workers/process_table.h"

namespace prefork {

class PoolReporter {
 public:
  /// Where it looks up whom the reports name. All of it outlives the reporter.
  struct Sources {
    const WorkerTable& workers;
    const ProcessTable& processes;
    const SocketTable& sockets;
  };

  PoolReporter(std::string pool, Log& log, EventSink& events, Sources sources);

  void report(const action::ReportReady& report) const;
  void report(const action::ReportDeath& report) const;
  void report(const action::ReportStarts& report) const;
  void report(const action::ReportViolation& report) const;
  void report(const action::ReportRollout& report) const;
  void report(const action::ReportStuck& report) const;
  void report(const action::ReportSize& report) const;
  void report(const action::ReportRedispatched& report) const;
  void report(const action::ReportSaturation& report) const;
  void report(const action::ReportGaveUp& report) const;
  void report(const action::Stopped& report) const;
  /// Its pid is known now.
  void has_process(const WorkerProcess& worker) const;
  /// It sent `what`, which no worker may send.
  void broke_protocol(WorkerId worker, const std::string& what) const;

  /// "pool web: worker 3 (pid 4711)".
  [[nodiscard]] std::string name_of(WorkerId id) const;

 private:
  /// For a worker whose row is gone already.
  [[nodiscard]] std::string name_of(WorkerId id, WorkerRole role) const;
  /// Why its program did not run, while its process is known; empty otherwise.
  [[nodiscard]] std::string failed_start(const DeathRecord& record) const;

  std::string pool_;
  Log& log_;
  EventSink& events_;
  Sources from_;
};

}  // namespace prefork
