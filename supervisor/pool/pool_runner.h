// One running pool: its core, and the parts that do what the core decides — listeners, client sockets,
// workers. Passes the operator's requests on to the core, and the core's actions on to the parts. Supervisor
// owns the pools.
//
// It has more than 15 public functions because it is all that the rest of the supervisor sees of a pool:
// requests, upgrade in place, and status.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "proto/result.h"
#include "supervisor/clients/client_sockets.h"
#include "supervisor/control/status.h"
#include "supervisor/core/pool.h"
#include "supervisor/listen/listener_set.h"
#include "supervisor/loop/loop.h"
#include "supervisor/pool/event_pump.h"
#include "supervisor/pool/pool_reporter.h"
#include "supervisor/pool/pool_workers.h"
#include "supervisor/pool/rollout_record.h"
#include "supervisor/pool/shared_services.h"
#include "supervisor/state/pool_state.h"
#include "supervisor/workers/process_table.h"

namespace prefork {

class PoolRunner final : private EventPump::Performer, private Listener::Owner, private ClientSockets::Owner {
 public:
  PoolRunner(const SharedServices& shared, PoolConfig config, Milliseconds stop_timeout,
             std::vector<ListenSocket> sockets);
  /// For an upgrade in place: does nothing before adopt().
  PoolRunner(const SharedServices& shared, PoolConfig config, Milliseconds stop_timeout,
             std::uint64_t spawner_key);

  /// What a reload does with the workers.
  enum class Reload {
    kStay,        ///< they are started from the same keys as before
    kReplaced,    ///< by a new generation
    kTriedAgain,  ///< the same; the keys are those of the last rollout, which failed
    kAlreadyRun,  ///< those that serve were started from these keys: a rollout that is under way ends
  };
  /// `sockets` as `config` lists them. `changed`: keys that workers are started from differ from those in
  /// config().
  [[nodiscard]] Reload effect_of(const PoolConfig& config, const std::vector<ListenSocket>& sockets,
                                 bool changed) const;
  /// `sockets` as `config` lists them.
  void reconfigure(PoolConfig config, Milliseconds stop_timeout, std::vector<ListenSocket> sockets,
                   Reload workers);
  void resize(std::size_t workers) { pump_.tell(event::Resized{workers}); }
  /// Replaces all workers by new ones.
  void restart();
  /// Retries a failed start at once.
  void forget_failures() { pump_.tell(event::FailuresForgotten{}); }
  /// `quick`: without draining the backlog and the queue.
  void stop(bool quick);
  /// A reload has removed the pool from the configuration with the text `config_text`: drains the listeners,
  /// then stops.
  void remove(std::string config_text);
  [[nodiscard]] const std::string& removed_from() const { return removed_from_; }
  /// Some listeners of the pool accept connections whose handshake is in flight, and are then closed; for at
  /// most Listener::kHandshake from the reload that has removed them.
  [[nodiscard]] bool draining_listeners() const { return stop_timer_.active() || listeners_.draining(); }
  /// Ends some connections in the lobby.
  void free_descriptors() { pump_.tell(event::DescriptorsShort{}); }
  /// A process was stopped or continued by a signal. Ignores processes of other pools.
  void process_stopped(pid_t pid, bool stopped);
  /// Asks the kernel about each process, whether it was stopped or continued.
  void look_for_stopped();
  /// Handles the introductions of forked workers that have come.
  void hear_introductions();

  // For an upgrade in place. Not inside a callback of the pool. A state to continue from is not taken during
  // draining_listeners().
  [[nodiscard]] PoolState state();
  /// Continues from the state of another runner. After an error the runner is of no use, and no descriptor of
  /// the state is taken.
  [[nodiscard]] Result<void> adopt(const PoolState& state);
  /// See remove().
  void set_removed_from(std::string config_text) { removed_from_ = std::move(config_text); }
  /// When all pools and the spawner have been adopted.
  void resume();

  [[nodiscard]] const PoolConfig& config() const { return config_; }
  /// The largest number of workers.
  [[nodiscard]] std::size_t limit() const { return pool_.lifecycle().limit(); }
  /// Nothing is left of the pool, and no lingering close is pending.
  [[nodiscard]] bool finished() const {
    return pool_.phase() == Pool::Phase::kStopped && clients_.pending_closes() == 0;
  }
  /// With finished(): the stop has cut no connection.
  [[nodiscard]] bool stopped_cleanly() const { return stopped_cleanly_; }
  /// To share a listening socket with its next owner, or to close it early.
  [[nodiscard]] ListenerSet& listeners() { return listeners_; }
  [[nodiscard]] const ProcessTable& processes() const { return processes_; }
  /// A worker is ready, or none is wanted.
  [[nodiscard]] bool serves() const { return pool_.lifecycle().serves(); }
  /// `workers`: with a line for each.
  [[nodiscard]] PoolStatus status(bool workers) const;
  [[nodiscard]] std::optional<WorkerStatusLine> worker(std::uint64_t number) const;
  [[nodiscard]] PoolSummary summary() const;

 private:
  /// What the configuration in force says of connections.
  void configure_clients();
  // EventPump::Performer
  void perform(const Action& action) override;
  // Listener::Owner
  void accepted(Fd socket, ClientAddress client, ListenerIndex listener, bool proxied) override;
  void out_of_descriptors() override { shared_.out_of_descriptors(); }

  // ClientSockets::Owner
  void send(const action::Dispatch& action) override { workers_.send(action, clients_.at(action.ticket)); }
  void gave_up(const std::string& client, unsigned times) override { reporter_.gave_up(client, times); }

  void on_stop_timer() { stop(/*quick=*/false); }
  void on_before_sleep();

  SharedServices shared_;
  PoolConfig config_;
  std::string removed_from_;
  Milliseconds stop_timeout_;
  bool stopped_cleanly_ = true;
  Pool pool_;
  RolloutRecord rollout_;
  EventPump pump_;
  ClientSockets clients_;
  ListenerSet listeners_;
  WorkerProcess::Services process_services_;
  ProcessTable processes_;
  PoolReporter reporter_;
  PoolWorkers workers_;
  TimerWatcher stop_timer_;  ///< the pool stops when its listeners are drained
  int stop_attempts_ = 0;
  BeforeSleepWatcher before_sleep_;
};

}  // namespace prefork
