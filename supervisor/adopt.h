// The new program's part of an upgrade in place: it goes on from a state that an older one has left behind,
// in the same process. First, as that one's child, it only says whether it could.
#pragma once

#include <string>

#include "config/load.h"
#include "supervisor/app/supervisor.h"
#include "supervisor/loop/log.h"

namespace prefork {

/// Examines the state behind the descriptor and prints a line that the older program understands. The exit
/// status.
[[nodiscard]] int adopt_check(int descriptor, const CommandSearch& search);

/// Goes on from it. All signals are blocked when this begins. The exit status of the supervisor, at its end.
[[nodiscard]] int adopt(int descriptor, const std::string& program, const CommandSearch& search);

[[nodiscard]] int run_to_the_end(Supervisor& supervisor, Log& log);

}  // namespace prefork
