// Carries out what a Pool decides: holds its listeners, sockets and worker processes, turns what happens to
// them into events, and its actions into system calls. Decides nothing itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "proto/channel.h"
#include "proto/result.h"
#include "supervisor/clients/lingering_close.h"
#include "supervisor/clients/lobby.h"
#include "supervisor/clients/socket_table.h"
#include "supervisor/control/control_event.h"
#include "supervisor/control/status.h"
#include "supervisor/core/pool.h"
#include "supervisor/listen/listener_set.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/pool/pool_reporter.h"
#include "supervisor/pool/pool_settings.h"
#include "supervisor/pool/shared_services.h"
#include "supervisor/state/pool_state.h"
#include "supervisor/system/clock.h"
#include "supervisor/system/oom_counter.h"
#include "supervisor/workers/process_table.h"
#include "supervisor/workers/spawner_link.h"
#include "supervisor/workers/worker_process.h"

namespace prefork {

class PoolRunner final : private Listener::Owner,
                         private Lobby::Owner,
                         private WorkerProcess::Owner,
                         private SpawnerLink::Requester {
 public:
  PoolRunner(const SharedServices& shared, PoolConfig config, Milliseconds stop_timeout,
             std::vector<ListenSocket> sockets);
  /// For an upgrade in place: does nothing before adopt().
  PoolRunner(const SharedServices& shared, PoolConfig config, Milliseconds stop_timeout,
             std::uint64_t spawner_key);
  ~PoolRunner() override;
  PoolRunner(const PoolRunner&) = delete;
  PoolRunner& operator=(const PoolRunner&) = delete;

  /// `sockets` as `config` lists them. `replace_workers`: what they are started from has changed.
  void reconfigure(PoolConfig config, Milliseconds stop_timeout, std::vector<ListenSocket> sockets,
                   bool replace_workers);
  void resize(std::size_t workers);
  /// Replaces the workers by new ones.
  void restart();
  /// Tries at once to start what has failed to start.
  void forget_failures();
  void stop(bool quick);
  /// A reload has removed the pool from the configuration with the text `config_text`: drains the listeners,
  /// then stops.
  void remove(std::string config_text);
  [[nodiscard]] const std::string& removed_from() const { return removed_from_; }
  /// Some listeners of the pool accept connections whose handshake is in flight, and are then closed; for at
  /// most Listener::kHandshake from the reload that has removed them.
  [[nodiscard]] bool draining_listeners() const { return stop_timer_.active() || listeners_.draining(); }
  /// Ends some connections in the lobby.
  void free_descriptors() { tell(event::DescriptorsShort{}); }

  // For an upgrade in place. Not inside a callback of the pool's own, nor, when the state is to be gone on
  // from, during draining_listeners().
  [[nodiscard]] PoolState state();
  /// Goes on where the runner that wrote the state was. An error leaves it half done.
  [[nodiscard]] Result<void> adopt(const PoolState& state);
  /// The text of the configuration that a reload has removed the pool from.
  void remember_config(std::string text) { removed_from_ = std::move(text); }
  /// When everything has been adopted.
  void resume();

  [[nodiscard]] const PoolConfig& config() const { return config_; }
  /// The most workers there may be.
  [[nodiscard]] std::size_t limit() const { return pool_.lifecycle().limit(); }
  /// Nothing is left of the pool, and no lingering close is pending.
  [[nodiscard]] bool finished() const {
    return pool_.phase() == Pool::Phase::kStopped && lingering_close_.pending() == 0;
  }
  /// With finished(): nobody was killed and no connection was cut.
  [[nodiscard]] bool stopped_cleanly() const { return stopped_cleanly_; }
  /// The listening socket at the same place as `address`, to be shared with its next owner; null when there
  /// is none.
  [[nodiscard]] ListenSocket* listening_at(const ListenAddress& address) {
    return listeners_.socket_at(address);
  }
  /// Closes the draining listeners at this address at once: a new listener needs the address. Not inside a
  /// callback of a listener.
  void end_drain_at(const ListenAddress& address) { listeners_.end_drain_at(address); }
  [[nodiscard]] PoolStatus status() const;
  [[nodiscard]] PoolSummary summary() const;
  /// A process was stopped by a signal, or goes on; nothing happens if it is none of this pool's.
  void process_stopped(pid_t pid, bool stopped);
  /// A child of the supervisor that this pool will reap itself, or may turn out to.
  [[nodiscard]] bool knows_child(pid_t pid) const { return processes_.find_pid(pid) != nullptr; }
  /// A worker that a template forked has not yet told who it is.
  [[nodiscard]] bool awaits_identity() const { return processes_.awaits_identity(); }

 private:
  // Listener::Owner
  void accepted(Fd socket, ClientAddress client, ListenerIndex listener) override;
  void out_of_descriptors() override { shared_.out_of_descriptors(); }
  // Lobby::Owner
  void seen(Ticket ticket, event::ClientSign sign) override;
  [[nodiscard]] int watched_socket(Ticket ticket) override;
  // WorkerProcess::Owner
  void tell(const Event& event) override;
  void has_process(const WorkerProcess& worker) override { reporter_.has_process(worker); }
  void broke_protocol(const WorkerProcess& worker, const std::string& what) override {
    reporter_.broke_protocol(worker.id(), what);
  }
  // SpawnerLink::Requester
  void started(std::uint64_t worker, pid_t pid, Fd pidfd) override;
  void not_started(std::uint64_t worker, const LaunchReply& reply) override;
  void start_failed(std::uint64_t worker, const LaunchReply& reply) override;

  void perform(const action::StartWorker& action);
  void perform(const action::SendDrain& action);
  void perform(const action::SignalWorker& action);
  void perform(const action::SendPing& action);
  void perform(const action::Measure& action);
  void perform(const action::ForgetWorker& action);
  void perform(const action::Dispatch& action);
  void perform(const action::SendYield& action);
  void perform(const action::Watch& action) { watch(action.ticket); }
  void perform(const action::Look& action);
  void perform(const action::CloseCopy& action);
  void perform(const action::Inspect& action);
  void perform(const action::Dismiss& action);
  void perform(const action::End& action);
  void perform(const action::SetAccepting& action) { listeners_.set_accepting(action.accepting); }
  void perform(const action::CloseListeners& /*action*/) { listeners_.close(); }
  void perform(const action::ForgetGeneration& action) { launches_.erase(action.generation); }
  void perform(const action::ReportRollout& action);
  void perform(const action::Stopped& action);
  /// The rest are mere facts.
  void perform(const auto& report) { reporter_.report(report); }

  void set_start_error(WorkerProcess& process, const LaunchReply& reply) const;
  void watch(Ticket ticket);
  void send_forks();
  /// Starts the process of one that is not forked.
  void launch(const action::StartWorker& action, WorkerProcess& process, Fd channel);
  void on_timer();
  void on_stop_timer() { stop(/*quick=*/false); }
  void on_before_sleep();
  void arm_timer(Instant now);
  void adopt_launches(const std::vector<LaunchState>& states);

  /// A request to a template that it has not been sent yet.
  struct Fork {
    WorkerId worker;
    WorkerId from;
    Fd channel;
  };
  static constexpr Duration kForkRetry = std::chrono::milliseconds(2);

  SharedServices shared_;
  PoolConfig config_;
  std::string removed_from_;
  Milliseconds stop_timeout_;
  std::map<Generation, Launches> launches_;  ///< of the generations that are in use
  bool rollout_failed_ = false;              ///< what the configuration says is not what runs
  std::uint64_t spawner_key_;
  Pool pool_;
  Actions actions_;
  std::vector<Event> events_;  ///< told and not yet handled, in order
  bool handling_ = false;
  bool stopped_cleanly_ = true;
  SocketTable sockets_;
  Lobby lobby_;
  std::vector<Ticket> unwatched_;  ///< after an upgrade in place: to be watched again
  LingeringClose lingering_close_;
  ListenerSet listeners_;
  WorkerProcess::Services for_workers_;
  ProcessTable processes_;
  PoolReporter reporter_;
  std::vector<std::unique_ptr<WorkerProcess>> forgotten_;  ///< may still be in a callback of theirs
  std::vector<std::unique_ptr<WorkerOutput>> outputs_;  ///< of templates that are gone, for those they forked
  std::deque<Fork> forks_;
  TimerWatcher fork_timer_;
  TimerWatcher timer_;
  Instant timer_at_;
  TimerWatcher stop_timer_;  ///< a removed pool stops when its listeners are drained
  BeforeSleepWatcher before_sleep_;
};

}  // namespace prefork
