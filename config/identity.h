// Whom a process runs as: finds the numbers behind the names of users and groups, once, where the file is
// read. What starts processes later looks nothing up.
#pragma once

#include <string>

#include "config/config.h"
#include "config/problems.h"

namespace prefork {

/// The user's number, group and further groups, as login(1) would set them; `group`, when not empty, takes
/// the place of the user's own. Both are names or numbers. What is wrong becomes a problem at `pointer`/user
/// or `pointer`/group.
[[nodiscard]] std::optional<Identity> find_identity(const std::string& user, const std::string& group,
                                                    const std::string& pointer, Problems& problems);

/// The same for the supervisor itself: no further groups. `pointer` is that of the value.
[[nodiscard]] std::optional<Identity> find_supervisor_identity(const std::string& user,
                                                               const std::string& pointer,
                                                               Problems& problems);

}  // namespace prefork
