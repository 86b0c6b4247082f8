// The command check: what can be known of a configuration without starting it. A mistake refuses the file, a
// warning does not. main() calls it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/load.h"
#include "supervisor/commands/command_output.h"

namespace prefork {

/// The configuration; nothing after its mistakes have been printed.
[[nodiscard]] std::optional<Config> load_or_print(const std::string& file, const CommandSearch& search);

/// Prints them, and returns the exit status of a configuration that is refused.
int print_mistakes(const std::vector<std::string>& mistakes);

/// Prints mistakes and warnings to stderr; returns the exit status.
[[nodiscard]] int check_file(const std::string& file, const CommandSearch& search, CommandOutput& output);

}  // namespace prefork
