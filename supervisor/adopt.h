// The new program's part of an upgrade in place. First it runs as a child of the old program and only
// examines the state; then the old program executes it in its own process, and it goes on from the state.
// main() calls both.
#pragma once

#include <string>

#include "config/load.h"
#include "supervisor/app/supervisor.h"
#include "supervisor/loop/log.h"

namespace prefork {

/// Examines the state in the file `descriptor`, and prints the line that UpgradeCheck expects. Returns the
/// exit status.
[[nodiscard]] int adopt_check(int descriptor, const CommandSearch& search);

/// Goes on from the state in the file `descriptor`, with all signals blocked at first. Returns the exit
/// status when the supervisor has stopped.
[[nodiscard]] int adopt(int descriptor, const std::string& program, const CommandSearch& search);

/// Runs the supervisor until it has stopped and its log is written. Returns the exit status.
[[nodiscard]] int run_until_stopped(Supervisor& supervisor, Log& log);

}  // namespace prefork
