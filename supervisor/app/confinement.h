// What the supervisor gives up for good when it starts: root, when every pool has a user, and with seccomp
// the ability to read client sockets. Reloader calls this with each configuration. While pools run nothing
// more is given up: their processes may still need it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "proto/result.h"
#include "supervisor/loop/log.h"
#include "supervisor/system/client_descriptors.h"
#include "supervisor/workers/spawner_link.h"

namespace prefork {

/// The user that the supervisor becomes when it gives up root. Asks the user database.
[[nodiscard]] Identity own_identity(const Config& config, const std::string& config_file);

/// The user of the admin process: a number that no account has, other than `own`, the supervisor's.
/// `ask` as in identity_without_account().
[[nodiscard]] Identity identity_of_admin(const Config& config, const std::string& config_file,
                                         const Identity& own, bool ask);

/// What a start asks the machine beside the configuration. Asked before signals have handlers: a user
/// database or a disk may not answer, and a signal is to end the process meanwhile.
struct StartAnswers {
  std::vector<std::string> mistakes;  ///< the configuration is refused
  std::vector<std::string> warnings;
  Identity become = {};  ///< the supervisor's identity if it gives up root
  /// As root: of the admin process, if the configuration names none.
  std::optional<Identity> admin = {};
};
[[nodiscard]] StartAnswers ask_at_start(const Config& config, const std::string& config_file,
                                        const std::string& libraries);

/// Gives up root if no pool needs it and none runs. `at_start`: null at a reload. After an error a part of
/// the privileges may be given up.
[[nodiscard]] Result<void> settle_privileges(const Config& config, const StartAnswers* at_start,
                                             SpawnerLink& spawner, Log& log);

/// At the start: reserves the descriptor numbers of clients, and has the kernel refuse to read from them
/// unless `seccomp` is false. An error if `seccomp` is true and the filter cannot be installed.
[[nodiscard]] Result<void> protect_clients(const Config& config, ClientDescriptors& clients, Log& log);

/// Whether this process has given up root for another user than `config` says: only a restart changes that.
/// Asks no user database.
[[nodiscard]] bool runs_as_another_user(const Config& config, const SpawnerLink& spawner);

}  // namespace prefork
