// Whether a new program can go on from a state: reads the configurations that the state carries and restores
// its pools for trial. Touches no descriptor, starts nothing. adopt.cc calls it, first in the child that
// examines the state, then in the program that takes over.
#pragma once

#include <string>
#include <vector>

#include "config/load.h"
#include "proto/result.h"
#include "supervisor/state/upgrade_state.h"

namespace prefork {

/// The configuration in force, and one for each leaving pool, in the order of the state.
struct AdoptedConfigs {
  Config running;
  std::vector<Config> leaving;
  std::vector<std::string> mistakes;  ///< a line for each mistake that this program finds in a text
};

/// Reads the configurations that the state carries. Does not ask the machine for what the state knows:
/// programs and users may be missing by now.
[[nodiscard]] AdoptedConfigs configs_in(const SupervisorState& state, const CommandSearch& search);

/// Restores every pool for trial and checks that all parts of the state fit together. Refuses a text with a
/// mistake.
[[nodiscard]] Result<void> examine_state(const SupervisorState& state, const AdoptedConfigs& configs);

/// The pool of this name; null: there is none.
[[nodiscard]] const PoolConfig* find_pool(const Config& config, const std::string& name);

}  // namespace prefork
