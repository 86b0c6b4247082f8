// The whole: pools, signals, reload and stop. One thread, one loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/load.h"
#include "proto/channel.h"
#include "supervisor/control/operations.h"
#include "supervisor/control_server/control_socket.h"
#include "supervisor/control_server/status_writer.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/pool/pool_runner.h"
#include "supervisor/state/upgrade_state.h"
#include "supervisor/system/client_descriptors.h"
#include "supervisor/system/program_path.h"
#include "supervisor/systemd/activated_sockets.h"
#include "supervisor/systemd/service_reporter.h"
#include "supervisor/upgrade/adoption.h"
#include "supervisor/upgrade/upgrade_check.h"
#include "supervisor/workers/spawner_link.h"

namespace prefork {

class Supervisor final : private Operations, private UpgradeCheck::Owner, private ServiceReporter::Subject {
 public:
  struct Options {
    std::string config_file;
    CommandSearch search;
    rlimit worker_descriptors;  ///< RLIMIT_NOFILE of workers
    std::string program;        ///< where an upgrade finds the new version of this one
    ActivatedSockets activated = {};
  };

  Supervisor(Options options, Log& log, SpawnerProcess spawner);

  /// Opens everything that `config` names. On an error nothing has been started and nothing is left open.
  [[nodiscard]] Result<void> start(const Config& config, Fd config_lock);
  /// Instead: goes on from the state that an older program has left behind in this process. An error leaves
  /// it half done.
  [[nodiscard]] Result<void> adopt(const SupervisorState& state, const AdoptedConfigs& configs);
  /// Until stopped by a signal. The exit status: 0 when everything was finished, 1 when something was cut
  /// short.
  [[nodiscard]] int run();

 private:
  static constexpr std::size_t kMaxWorkers = 4096;
  /// Requests to stop: graceful, quick, kill. One more, and what a dead disk keeps alive is left behind.
  static constexpr int kPatience = 3;
  static constexpr Duration kSweepDelay = std::chrono::seconds(1);
  static constexpr Duration kLogRetry = std::chrono::milliseconds(50);

  // Signals
  void on_hup();
  void on_usr2();
  void on_ttin() { resize_by(1); }
  void on_ttou() { resize_by(-1); }
  void on_term() { stop(/*quick=*/stopping_); }
  void on_int() { stop(/*quick=*/true); }
  void on_chld();

  // Operations
  [[nodiscard]] SupervisorStatus status() const override;
  [[nodiscard]] ReloadVerdict reload() override;
  [[nodiscard]] Result<PoolNames> restart(const PoolName& pool) override;
  [[nodiscard]] Result<Scaled> scale(const PoolName& pool, std::size_t workers) override;
  [[nodiscard]] Result<PoolNames> reset_failed(const PoolName& pool) override;
  void stop(bool quick) override;

  // ServiceReporter::Subject
  [[nodiscard]] std::vector<PoolSummary> pool_summaries() const override;

  // UpgradeCheck::Owner
  void upgrade_proven(const std::string& version) override;
  void upgrade_refused(const std::string& why) override;

  /// Begins to examine the new program; the outcome is told by the log.
  [[nodiscard]] Result<void> upgrade() override;
  /// Hands this process over to the program that has been examined. Comes back when that failed, or is not
  /// wanted any more, or not at once.
  void hand_over();
  /// Somebody may be connecting to a listener that a reload has removed: the next program would not have it.
  [[nodiscard]] bool listeners_retire() const;
  [[nodiscard]] Result<void> replace_by_proven();
  [[nodiscard]] SupervisorState state();
  [[nodiscard]] Result<std::unique_ptr<PoolRunner>> adopt_pool(const PoolState& state, const Config& config);

  /// Those that a request means; never empty.
  [[nodiscard]] Result<std::vector<PoolRunner*>> pools_named(const PoolName& name) const;
  void resize_by(int change);
  /// Whether the descriptors suffice when that pool has so many workers.
  [[nodiscard]] Result<void> fits(const PoolRunner& changed, std::size_t workers) const;
  /// A child was stopped or continued, perhaps.
  void note_stopped();
  void sweep_strangers();
  void look_for_oom_kills();
  void on_before_sleep();
  void write_log();
  void renew_lock();
  /// Warns of what is hardly meant, and gives up root when no pool needs it. When it fails a part may be
  /// given up.
  [[nodiscard]] Result<void> settle_privileges(const Config& config);
  /// At the start: keeps the supervisor from reading client sockets, if the configuration wants that.
  [[nodiscard]] Result<void> protect_clients(const Config& config);
  /// Says which keys beside the pools differ from those in force, but for `control`, which use_control()
  /// says.
  void note_file_keys(const Config& config, std::vector<std::string>& changes);

  using Sockets = std::vector<std::vector<ListenSocket>>;  ///< for each pool of the configuration
  /// All listening sockets of `config`: new ones, and those that run already, shared.
  [[nodiscard]] Result<ListenSocket> open_socket(const ListenAddress& address) const;
  [[nodiscard]] Result<Sockets> open_sockets(const Config& config);
  /// Puts the configuration into force; adds to `changes` what differs, a line for each pool.
  [[nodiscard]] Result<void> apply(const Config& config, std::vector<std::string>& changes);
  /// The control socket that `config` names, unless it is open already or there shall be none.
  [[nodiscard]] Result<std::optional<ListenSocket>> open_control(const Config& config);
  void use_control(const Config& config, std::optional<ListenSocket> socket,
                   std::vector<std::string>& changes);
  /// The verdict on what the file says now.
  [[nodiscard]] ReloadVerdict apply_file();
  /// Makes or reconfigures one pool; takes the one of that name out of pools_.
  [[nodiscard]] std::unique_ptr<PoolRunner> apply(const PoolConfig& config, Milliseconds stop_timeout,
                                                  std::vector<ListenSocket> sockets,
                                                  std::vector<std::string>& changes);
  /// Makes those of `sockets` that are shared the owners of what they share.
  void take_over(const PoolConfig& config, std::vector<ListenSocket>& sockets);
  /// The listening socket at the same place as `address`, of that pool if it has one; null when there is
  /// none.
  [[nodiscard]] ListenSocket* listening_at(const ListenAddress& address, const std::string& pool_name);
  /// Has a listener that a reload has removed closed at last, if it was there.
  void vacate(const ListenAddress& address);
  [[nodiscard]] PoolRunner::Surroundings surroundings();
  /// A pool has no descriptor for who comes next.
  void make_room();

  Options options_;
  Log& log_;
  Loop loop_;
  Datagram datagram_;
  ClientDescriptors clients_;
  SpawnerLink spawner_;
  OomCounter oom_;
  UpgradeCheck upgrade_check_;
  std::optional<FileIdentity> examined_;  ///< the file that upgrade_check_ has started
  std::string examined_config_;           ///< and the text that it has examined
  bool upgrade_due_ = false;              ///< it could take over, and does when listeners_retire() no more
  ControlSocket control_;
  ServiceReporter service_;
  StatusWriter status_writer_;
  Fd config_lock_;
  FileKeys file_keys_;                                ///< of the configuration in force
  std::string config_text_;                           ///< the same, as it was read
  std::vector<std::unique_ptr<PoolRunner>> pools_;    ///< as the configuration lists them
  std::vector<std::unique_ptr<PoolRunner>> leaving_;  ///< removed by a reload, not yet stopped
  Instant started_at_;
  std::uint64_t strangers_reaped_ = 0;
  bool stopping_ = false;
  int stop_requests_ = 0;
  bool stopped_cleanly_ = true;
  SignalWatcher hup_, usr1_, usr2_, ttin_, ttou_, term_, quit_, int_, chld_;
  TimerWatcher sweep_timer_, log_timer_, oom_timer_;
  BeforeSleepWatcher before_sleep_;
};

}  // namespace prefork
