// Resolves the names of users and groups to numbers, once, when the file is read. The code that starts
// processes later looks nothing up.
#pragma once

#include <string>

#include "config/config.h"
#include "config/problems.h"

namespace prefork {

/// The user's number, group and supplementary groups, as login(1) sets them; a `group` that is not empty
/// replaces the user's own group. Both are names or numbers. A mistake becomes a problem at `pointer`/user or
/// `pointer`/group.
[[nodiscard]] std::optional<Identity> find_identity(const std::string& user, const std::string& group,
                                                    const std::string& pointer, Problems& problems);

/// The same for the supervisor itself, without supplementary groups. `pointer` is the pointer of the value.
[[nodiscard]] std::optional<Identity> find_supervisor_identity(const std::string& user,
                                                               const std::string& pointer,
                                                               Problems& problems);

}  // namespace prefork
