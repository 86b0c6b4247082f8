// The commands that query or control a running supervisor through its control socket. main() calls it.
#pragma once

#include "supervisor/commands/command_line.h"
#include "supervisor/commands/command_output.h"

namespace prefork {

/// Runs the command and prints its result; errors go to stderr. Returns the exit status. `line.command` must
/// be kStatus or one after it.
[[nodiscard]] int run_client_command(const CommandLine& line, CommandOutput& output);

}  // namespace prefork
