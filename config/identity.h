// Resolves the names of users and groups to numbers, once, when the file is read. The code that starts
// processes later looks nothing up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "config/machine.h"
#include "config/problems.h"

namespace prefork {

/// A user's or group's number as text. 4294967295 is none: to system calls it means "unchanged".
[[nodiscard]] std::optional<std::uint32_t> parse_account_number(std::string_view text);

/// The number of a group that is given by name or number.
[[nodiscard]] std::optional<std::uint32_t> group_number(const std::string& group);

/// The user's number, group and supplementary groups, as login(1) sets them; a `group` that is not empty
/// replaces the user's own group. Both are names or numbers. A mistake becomes a problem at `pointer`/user or
/// `pointer`/group.
[[nodiscard]] std::optional<WorkerUser> find_worker_user(const std::string& user, const std::string& group,
                                                         const std::string& pointer, const Machine& machine,
                                                         Problems& problems);

/// The same for the supervisor itself, without supplementary groups. `pointer` is the pointer of the value.
[[nodiscard]] std::optional<Identity> find_supervisor_identity(const std::string& user,
                                                               const std::string& pointer,
                                                               const Machine& machine, Problems& problems);

}  // namespace prefork
