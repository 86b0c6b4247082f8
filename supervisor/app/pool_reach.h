// Whether the users that matter reach what the configuration names: one rule for `supervisor check`, a start
// and a reload. May wait for a disk: a reload asks in the program that reads the file (config_answer.h).
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// What the user of each pool cannot reach of its program and its directory.
struct PoolReach {
  std::vector<std::string> mistakes;
  std::vector<std::string> warnings;  ///< that it is not known
};

/// How root asks for another user. Any other process looks at modes.
enum class AskForUser {
  kInChild,  ///< in a child process, and waits for it
  kByModes,
};
[[nodiscard]] PoolReach pool_reach(const Config& config, const std::string& file, AskForUser how);

}  // namespace prefork
