// The command init: writes a commented configuration for a program that it recognises. Never replaces a file,
// runs nothing.
#pragma once

#include "config/machine.h"
#include "supervisor/commands/command_line.h"
#include "supervisor/commands/command_output.h"

namespace prefork {

/// Writes the file and prints what it recognised and the next command. Returns the exit status.
[[nodiscard]] int init(const CommandLine& line, const CommandSearch& search, CommandOutput& output);

}  // namespace prefork
