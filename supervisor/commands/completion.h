// The completion of the command line for a shell, as a script that the shell reads.
#pragma once

#include <string>
#include <vector>

#include "supervisor/commands/command_tree.h"

namespace prefork {

[[nodiscard]] std::string bash_completion(const std::vector<CommandEntry>& tree);
[[nodiscard]] std::string zsh_completion(const std::vector<CommandEntry>& tree);
[[nodiscard]] std::string fish_completion(const std::vector<CommandEntry>& tree);

}  // namespace prefork
