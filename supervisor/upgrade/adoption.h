// What a new program needs to know of a state before it goes on from there: whether it can, with the
// configurations that belong to it. Touches no descriptor, starts nothing.
#pragma once

#include <string>
#include <vector>

#include "config/load.h"
#include "proto/result.h"
#include "supervisor/state/upgrade_state.h"

namespace prefork {

/// The configuration in force, and those of pools that are leaving: as the state lists them.
struct AdoptedConfigs {
  Config running;
  std::vector<Config> leaving;
};

/// Reads the configurations that the state carries.
[[nodiscard]] Result<AdoptedConfigs> configs_in(const SupervisorState& state, const CommandSearch& search);

/// Restores every pool for trial, and looks whether all parts fit.
[[nodiscard]] Result<void> examine_state(const SupervisorState& state, const AdoptedConfigs& configs);

/// The pool of that name; null when there is none.
[[nodiscard]] const PoolConfig* find_pool(const Config& config, const std::string& name);

}  // namespace prefork
