// The commands that ask a running supervisor, or tell it what to do, through its control socket.
#pragma once

#include "supervisor/commands/command_line.h"

namespace prefork {

/// Prints what came of it; the exit status. `line.command` is one that asks a supervisor.
[[nodiscard]] int run_client_command(const CommandLine& line);

}  // namespace prefork
