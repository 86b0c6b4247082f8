// Gives up root, in a supervisor that was started as root and listens already: it changes to another user
// without groups, and keeps two of root's capabilities. CAP_KILL is needed to signal workers of other users,
// CAP_NET_BIND_SERVICE to listen on a port below 1024 that a reload adds. Both survive an upgrade in place,
// which is an exec.
//
// The spawner stays root. What it still does for such a supervisor: see kRenounceRoot.
#pragma once

#include <cstdint>
#include <string>

#include "config/config.h"
#include "proto/result.h"

namespace prefork {

/// A user for the supervisor of this configuration: a number that no account has and no worker runs as, from
/// the range that systemd gives to services without an account.
/// `ask`: false asks no user database, which may wait.
[[nodiscard]] Identity identity_without_account(const std::string& config_file, const Config& config,
                                                bool ask = true);

/// Whether identity_without_account() chooses from numbers that include this one.
[[nodiscard]] bool is_without_account(std::uint32_t uid);

/// Becomes `identity` irrevocably, and verifies that root is gone. A process that is not root but has root's
/// capabilities gives up only these. After an error the process is in a state between, and must end.
[[nodiscard]] Result<void> give_up_root(const Identity& identity);

/// Only root may trace this process, read its memory or take its descriptors; its own user may not.
void hide_from_own_user();

}  // namespace prefork
