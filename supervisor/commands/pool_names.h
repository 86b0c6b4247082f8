// The names of the pools of running supervisors, for the completion of a shell, which waits for them: quiet,
// and quick whether a supervisor runs or not.
#pragma once

#include "supervisor/commands/command_line.h"
#include "supervisor/commands/command_output.h"

namespace prefork {

/// One name a line: of the supervisor that the line names, or of all that run.
[[nodiscard]] int print_pool_names(const CommandLine& line, CommandOutput& output);

}  // namespace prefork
