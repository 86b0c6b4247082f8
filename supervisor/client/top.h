// The command top: the live status of a supervisor on the whole terminal, again and again.
#pragma once

#include <chrono>
#include <string>

namespace prefork {

/// Until the user quits; the exit status. `path` is the control socket; when the supervisor leaves, as for an
/// upgrade in place, top waits for the next one there.
[[nodiscard]] int top(const std::string& path, std::chrono::milliseconds interval);

}  // namespace prefork
