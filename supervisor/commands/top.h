// The command top: the live status of a supervisor on the whole terminal, again and again.
#pragma once

#include <chrono>
#include <string>

#include "supervisor/commands/control_client.h"

namespace prefork {

/// How long top waits for an answer: meanwhile its keys are dead.
inline constexpr std::chrono::seconds kTopPatience{2};

/// Until the user quits; the exit status. `client` is connected to `path`, the control socket, with
/// kTopPatience. When the supervisor leaves, as for an upgrade in place, top waits for the next one there.
[[nodiscard]] int top(ControlClient client, const std::string& path, std::chrono::milliseconds interval);

}  // namespace prefork
