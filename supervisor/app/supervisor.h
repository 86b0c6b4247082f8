// The whole supervisor: constructs its parts, binds them to signals, and runs and stops them. One loop, in
// one thread; only the log and the Closer have others. Decides nothing about pools: Reloader,
// OperatorRequests, Upgrader and Reaper do. Over 120 lines, because it is what four of its parts ask things
// of.
#pragma once

#include <sys/resource.h>

#include <string>
#include <vector>

#include "proto/channel.h"
#include "supervisor/admin_process/admin_process.h"
#include "supervisor/app/operator_requests.h"
#include "supervisor/app/pool_set.h"
#include "supervisor/app/reaper.h"
#include "supervisor/app/reload_rounds.h"
#include "supervisor/app/reloader.h"
#include "supervisor/app/stop_delay.h"
#include "supervisor/app/upgrader.h"
#include "supervisor/clients/closer.h"
#include "supervisor/control/operations.h"
#include "supervisor/control_server/control_socket.h"
#include "supervisor/control_server/status_writer.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/loop/watch_refusals.h"
#include "supervisor/system/client_descriptors.h"
#include "supervisor/systemd/service_reporter.h"
#include "supervisor/workers/spawner_link.h"

namespace prefork {

class Supervisor final : private Operations,
                         private ServiceReporter::Subject,
                         private Upgrader::Subject,
                         private ReloadRounds::Owner,
                         private Reaper::Owner {
 public:
  struct Options {
    Reloader::Source source;
    rlimit worker_descriptors;  ///< RLIMIT_NOFILE of workers
    std::string program;        ///< where an upgrade finds the new version of this one
  };

  Supervisor(Options options, Log& log, SpawnerProcess spawner);

  /// Opens everything that `config` names. After an error nothing has been started and nothing is left open.
  [[nodiscard]] Result<void> start(const Config& config, const StartAnswers& answers);
  /// Instead of start(): goes on from the state that an older program has left in this process.
  void adopt(const SupervisorState& state, const AdoptedConfigs& configs);
  /// Returns when a signal or a request has stopped it. The exit status: 0 when everything was finished, 1
  /// when something was cut short.
  [[nodiscard]] int run();

 private:
  /// Requests to stop: graceful, quick, kill. At the next one the supervisor ends although processes remain:
  /// a process that waits for a dead disk cannot be killed.
  static constexpr int kMaxStopRequests = 3;
  /// For systemd: how much longer than stop_delay and stop_timeout a stop may take.
  static constexpr Duration kStopMargin = std::chrono::seconds(30);
  static constexpr Duration kSettleSockets = std::chrono::milliseconds(20);
  static constexpr Duration kLogRetry = std::chrono::milliseconds(50);

  // Signals
  void on_hup();
  void on_usr1();
  void on_ttin() { requests_.resize_by(1); }
  void on_ttou() { requests_.resize_by(-1); }
  void on_term();
  void on_int() { stop(/*quick=*/true); }

  // Operations
  [[nodiscard]] SupervisorStatus status(bool workers) const override;
  [[nodiscard]] Result<WorkerStatusLine> worker(const std::string& pool, std::uint64_t number) const override;
  [[nodiscard]] Result<std::uint64_t> reload() override;
  [[nodiscard]] Result<Restarted> restart(const PoolName& pool) override { return requests_.restart(pool); }
  [[nodiscard]] Result<Scaled> scale(const PoolName& pool, std::size_t workers) override {
    return requests_.scale(pool, workers);
  }
  [[nodiscard]] Result<PoolNames> reset_failed(const PoolName& pool) override {
    return requests_.reset_failed(pool);
  }
  [[nodiscard]] Result<void> upgrade() override { return upgrader_.begin(); }
  void stop(bool quick) override;

  // ServiceReporter::Subject
  [[nodiscard]] std::vector<PoolSummary> pool_summaries() const override;
  [[nodiscard]] bool serves() const override;

  // Upgrader::Subject
  [[nodiscard]] bool stopping() const override { return pools_.stopping(); }
  [[nodiscard]] bool settled() const override;
  [[nodiscard]] SupervisorState state() override;
  [[nodiscard]] SupervisorState final_state() override;
  [[nodiscard]] bool settle_sockets() override { return closer_.settle(kSettleSockets); }

  // ReloadRounds::Owner
  void reload_begins() override { service_.reloading(); }
  void reload_ended(std::uint64_t round, const ReloadVerdict& verdict) override;

  // Reaper::Owner
  void hear_of_children() override;
  [[nodiscard]] std::optional<std::uint64_t> awaited_answer() const override {
    return spawner_.awaited_answer();
  }
  [[nodiscard]] bool knows_child(pid_t pid) const override;
  void child_stopped(pid_t pid, bool stopped) override;
  void look_for_stopped_workers() override;

  /// Requests are refused from now on, and what is under way is given up.
  void announce_stop();
  void delay_stop(Duration delay);
  void on_delay_over() { begin_stop("stop_delay is over: stopping", /*quick=*/false); }
  void begin_stop(const char* what, bool quick);
  void start_threads();
  void on_before_sleep();
  void write_log();

  rlimit worker_descriptors_;
  Log& log_;
  Loop loop_;
  WatchRefusals refusals_{loop_, log_};
  Datagram datagram_;
  ClientDescriptors clients_;
  Closer closer_;
  SpawnerLink spawner_;
  OomCounter oom_;
  ChildTable children_;
  SharedTurns output_;
  SharedTurns deaths_;
  ControlSocket control_;
  AdminProcess admin_;
  PoolSet pools_;
  ServiceReporter service_;
  StatusWriter status_writer_;
  Reloader reloader_;
  ReloadRounds reloads_;
  OperatorRequests requests_;
  Upgrader upgrader_;
  Reaper reaper_;
  Instant started_at_;
  StopDelay stop_delay_;
  int stop_requests_ = 0;  ///< without those before and during the delay
  bool given_up_ = false;  ///< stopped although processes remain
  bool end_told_ = false;  ///< the last event is published
  SignalWatcher hup_, usr1_, usr2_, ttin_, ttou_, term_, quit_, int_;
  TimerWatcher log_timer_;
  BeforeSleepWatcher before_sleep_;
};

}  // namespace prefork
