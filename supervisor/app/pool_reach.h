// Whether the users that matter reach what the configuration names: one rule for `supervisor check`, a start
// and a reload. May wait for a disk: a reload asks in the program that reads the file (config_answer.h).
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// What the user of each pool cannot reach of its program, its directory and the accept library.
struct PoolReach {
  std::vector<std::string> mistakes;
  std::vector<std::string> warnings;  ///< that it is not known
};

/// How root asks for another user. Any other process looks at modes.
enum class AskForUser {
  kInChild,  ///< in a child process, and waits for it
  kByModes,
};
/// `libraries`: see CommandSearch.
[[nodiscard]] PoolReach pool_reach(const Config& config, const std::string& file,
                                   const std::string& libraries, AskForUser how);

}  // namespace prefork
