// The admin process: starts it through the spawner, gives it the listening sockets and its link, starts the
// next one when it dies, and ends it. Pools do not depend on it: without it the service goes on. Reloader
// puts a configuration into force here.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "config/admin_config.h"
#include "supervisor/admin_process/admin_attempts.h"
#include "supervisor/admin_process/admin_link.h"
#include "supervisor/admin_process/admin_sockets.h"
#include "supervisor/control/status.h"
#include "supervisor/system/client_descriptors.h"
#include "supervisor/system/worker_users.h"
#include "supervisor/workers/child_table.h"
#include "supervisor/workers/spawner_link.h"
#include "supervisor/workers/worker_output.h"

namespace prefork {

class AdminProcess final : private StartRequester {
 public:
  struct Services {
    const Loop& loop;
    Log& log;
    SpawnerLink& spawner;
    ControlSocket& control;
    const ClientDescriptors& clients;
    ChildTable& children;
    SharedTurns& output;
    rlim_t descriptors;   ///< RLIMIT_NOFILE of workers
    std::string program;  ///< the absolute path
  };

  explicit AdminProcess(Services services);
  ~AdminProcess() override;  ///< kills a process that still runs
  AdminProcess(const AdminProcess&) = delete;
  AdminProcess& operator=(const AdminProcess&) = delete;

  /// The user of the process where a configuration names none; not set: the supervisor's own, for it was not
  /// started as root.
  void set_identity(const std::optional<Identity>& identity) { identity_ = identity; }
  /// Whether the process can have the user that the configuration wants.
  [[nodiscard]] Result<void> check_user(const AdminConfig& config) const {
    return check_admin_user(config, identity_.has_value());
  }
  [[nodiscard]] RunningAdmin running_sockets() { return sockets_.running(); }
  /// Puts `config` and its sockets into force.
  void use(const AdminConfig& config, OpenedSockets admin, OpenedSockets agent);
  /// Ends the process: nothing is left that it could show.
  void stop();
  /// After stop(): it is gone, or will not go.
  [[nodiscard]] bool stopped() const { return life_ == Life::kNone; }

  /// In force.
  [[nodiscard]] const AdminConfig& config() const { return config_; }
  /// Nothing: no configuration wants it.
  [[nodiscard]] std::optional<AdminStatus> status() const;

  // For an upgrade in place.
  [[nodiscard]] AdminState state() const;
  void adopt(const AdminState& state, const AdminConfig& config);
  /// After adopt(), when processes can be started.
  void resume();

 private:
  enum class Life {
    kNone,
    kWaiting,    ///< for the time of the next attempt
    kRequested,  ///< the spawner has not answered
    kRunning,
    kEnding,  ///< its link is closed, and it has to exit
  };

  // StartRequester
  void started(std::uint64_t number, pid_t pid, Fd pidfd) override;
  void not_started(std::uint64_t number, const LaunchReply& reply) override;
  void start_failed(std::uint64_t number, const LaunchReply& reply) override;
  void started_otherwise(std::uint64_t /*number*/, const LaunchReply& /*reply*/) override {}

  void start();
  [[nodiscard]] Result<void> request();
  [[nodiscard]] std::optional<Identity> identity() const;
  void watch(pid_t pid, Fd pidfd);
  void tell();
  void on_link_ended();
  /// Closes the link: the process exits, or is killed.
  void end(bool planned);
  void on_patience_over();
  void on_exit();
  void gone();
  void report_death(const std::string& how, const Exit& exit);
  /// It could not be started. The next attempt comes in a while.
  void retry(const std::string& why);

  Services services_;
  std::uint64_t spawner_key_ = 0;  ///< 0: no process has been wanted yet
  AdminConfig config_;
  std::optional<Identity> identity_;
  AdminSockets sockets_;
  Life life_ = Life::kNone;
  bool wanted_ = false;
  bool planned_ = false, kill_sent_ = false;  ///< kEnding: the supervisor wants it so; SIGKILL is sent
  std::uint64_t number_ = 0, restarts_ = 0;   ///< of the last start; so far
  AdminAttempts attempts_;
  std::string told_;         ///< the last line `listen`
  std::string start_error_;  ///< why its program did not run
  pid_t pid_ = 0;
  Fd pidfd_;
  ChildTable::Entry child_;
  std::unique_ptr<WorkerOutput> output_;
  AdminLink link_;
  ReadWatcher exit_watcher_;
  TimerWatcher timer_;
};

}  // namespace prefork
