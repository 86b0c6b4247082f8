// The command top: shows the live status of a supervisor on the whole terminal and updates it.
#pragma once

#include <chrono>
#include <string>

#include "supervisor/commands/control_client.h"

namespace prefork {

/// The maximum wait for an answer; top does not react to keys meanwhile.
inline constexpr std::chrono::seconds kTopPatience{2};

/// Runs until the user quits; returns the exit status. `client` is connected to `path`, the control socket,
/// with kTopPatience. When the supervisor closes the connection, as for an upgrade in place, top connects to
/// `path` again until a supervisor answers.
[[nodiscard]] int top(ControlClient client, const std::string& path, std::chrono::milliseconds interval);

}  // namespace prefork
