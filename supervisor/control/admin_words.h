// The admin process in words and as JSON, for the status and for the commands.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "supervisor/control/admin_status.h"

namespace prefork {

/// "admin process: running, pid 4711, 127.0.0.1:9465; restarts 0". When it fails, how often and why.
[[nodiscard]] std::string describe(const AdminStatus& admin);
/// The member "admin" of the status.
[[nodiscard]] nlohmann::ordered_json to_json(const AdminStatus& admin);
/// The same, as a client has read it from the status of a supervisor. Nothing: it has no admin process.
[[nodiscard]] std::optional<AdminStatus> admin_of(const nlohmann::ordered_json& status);

}  // namespace prefork
