// Puts a configuration into force, at the start and at each reload: all of it or nothing. Has the sockets
// opened that it names, and creates, changes and removes pools. Holds what is in force: the file's text and
// its keys. Reads no file: at a reload, ReloadRounds has it read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/admin_process/admin_process.h"
#include "supervisor/app/config_answer.h"
#include "supervisor/app/confinement.h"
#include "supervisor/app/default_control.h"
#include "supervisor/app/pool_set.h"
#include "supervisor/app/socket_opener.h"
#include "supervisor/control/control_event.h"
#include "supervisor/control_server/control_socket.h"
#include "supervisor/core/last_reload.h"
#include "supervisor/core/operation_counts.h"
#include "supervisor/loop/callback.h"
#include "supervisor/loop/log.h"
#include "supervisor/state/upgrade_state.h"
#include "supervisor/system/client_descriptors.h"
#include "supervisor/systemd/activated_sockets.h"
#include "supervisor/workers/spawner_link.h"

namespace prefork {

class Reloader {
 public:
  /// Where a configuration and its sockets come from.
  struct Source {
    std::string file;
    CommandSearch search;
    ActivatedSockets activated = {};
    bool given = false;  ///< there is no file: the configuration was given at the start
  };
  /// The parts of the supervisor that a configuration changes.
  struct Parts {
    Log& log;
    PoolSet& pools;
    ControlSocket& control;
    AdminProcess& admin;
    SpawnerLink& spawner;
    ClientDescriptors& clients;
    Callback confined = {};  ///< called once, with root given up and the filter installed, before any start
  };

  Reloader(Source source, const Parts& parts);

  /// Puts the first configuration into force. After an error no pool is there and nothing is left open.
  [[nodiscard]] Result<void> start(const Config& config, const StartAnswers& answers);
  /// What a reload is to ask.
  [[nodiscard]] ConfigRequest request() const;
  /// Puts what was read into force. A refusal changes nothing; its reasons are logged too.
  [[nodiscard]] ReloadVerdict reload(const Result<ConfigAnswer>& answer);
  /// The path of the configuration.
  [[nodiscard]] const std::string& file() const { return source_.file; }
  /// The key `name`.
  [[nodiscard]] const std::string& name() const { return keys_.name; }
  /// Nothing: there has been no reload.
  [[nodiscard]] const std::optional<LastReload>& last() const { return last_; }
  [[nodiscard]] const FileKeys& keys() const { return keys_; }
  [[nodiscard]] const ReloadCounts& counts() const { return counts_; }

  // For an upgrade in place.
  void write_state(SupervisorState& state) const;
  void adopt(const SupervisorState& state, const Config& config);
  /// Opens the control socket where the version before has opened none because the configuration names none.
  void open_missing_control();

 private:
  /// For the disk of a new log file, at a reload: a healthy one takes less than a millisecond.
  static constexpr Duration kLogPatience = std::chrono::milliseconds(100);

  using Changes = std::vector<std::string>;  ///< a line for each thing that a reload changed

  /// `at_start`: null at a reload.
  [[nodiscard]] Result<void> apply(Config config, const std::vector<std::string>& warnings,
                                   const StartAnswers* at_start, Changes& changes);
  /// Reads the answer's text and applies it; its mistakes go to `mistakes`.
  [[nodiscard]] Result<void> apply_answer(const ConfigAnswer& answer, ReloadVerdict& verdict);
  /// Reconfigures the pool of that name, or adds it.
  void apply_pool(const PoolConfig& config, Milliseconds stop_timeout, std::vector<ListenSocket> sockets,
                  Changes& changes);
  void remove_pools_missing_in(const Config& config, Changes& changes);
  /// Makes each of `opened` that is shared with a running listener the owner of the socket.
  [[nodiscard]] std::vector<ListenSocket> take_over(const PoolConfig& config, OpenedSockets opened,
                                                    Changes& changes);
  /// The new control socket; none if it stays as it is or `config` has none. One whose file is gone is opened
  /// anew.
  [[nodiscard]] Result<std::optional<ListenSocket>> open_control(Config& config);
  /// Where `config` does not name it. A failure is only logged, and `config` then has no control socket.
  [[nodiscard]] std::optional<ListenSocket> open_default_control(Config& config);
  /// The log file that `config` names, if it is another than now; not valid: lines go to standard error, or
  /// the file is in use already.
  [[nodiscard]] Result<std::optional<Fd>> open_log_file(const Config& config) const;
  void use_control(const Config& config, std::optional<ListenSocket> socket, Changes& changes);
  /// Reports the keys outside the pools that differ from those in force. use_control() reports `control`.
  void report_file_keys(const Config& config, Changes& changes);
  void report(Changes& changes, std::string line);
  void report_pool(Changes& changes, const std::string& pool, const std::string& what);

  Source source_;
  Parts parts_;
  DefaultControl default_control_;
  FileKeys keys_;     ///< of the configuration in force
  std::string text_;  ///< its text, as it was read
  std::optional<LastReload> last_;
  ReloadCounts counts_;
};

}  // namespace prefork
