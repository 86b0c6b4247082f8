// Which users the supervisor's workers can run as, and what else the spawner's capabilities allow.
#pragma once

#include <sys/types.h>

#include "config/config.h"
#include "config/limit_check.h"
#include "proto/result.h"

namespace prefork {

/// Whether that process can start others as any user; 0 is this process.
[[nodiscard]] bool can_change_user(pid_t process);

/// What that process may do for the workers that it starts; 0 is this process. An unknown right counts as
/// there.
[[nodiscard]] StarterRights rights_of(pid_t process);

/// Which users a supervisor can give its workers.
struct UserRights {
  uid_t own = 0;          ///< the supervisor's user
  bool any_user = false;  ///< its spawner can start workers as any user
  bool given_up = false;  ///< and it has given up root itself
};
/// Of this process with that spawner; 0: it is its own.
[[nodiscard]] UserRights user_rights(pid_t spawner);
/// Refuses users that workers cannot run as: the spawner cannot start them, or they would be the supervisor's
/// own user when it has given up root.
[[nodiscard]] Result<void> check_users(const Config& config, const UserRights& rights);
/// Refuses a user that the admin process cannot have. `as_root`: the supervisor was started as root.
[[nodiscard]] Result<void> check_admin_user(const AdminConfig& config, bool as_root);

}  // namespace prefork
