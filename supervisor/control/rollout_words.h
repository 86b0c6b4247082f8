// The last rollout of a pool in words and as JSON, for the status and for the commands.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "supervisor/core/ids.h"
#include "supervisor/core/rollout_verdict.h"

namespace prefork {

/// "generation 2 took over 5 min ago", "generation 3 failed 2 s ago: its first worker …". Without `ago` it
/// does not say when. Not `wanted`: the pool is to have no workers at present.
[[nodiscard]] std::string describe(const RolloutVerdict& verdict, std::optional<Duration> ago,
                                   bool wanted = true);
/// The member "rollout" of a pool's status.
[[nodiscard]] nlohmann::ordered_json to_json(const RolloutVerdict& verdict, std::optional<Duration> ago);

/// The same, as a client has read it: `ago` in place of `since`.
struct RolloutRead {
  RolloutVerdict verdict;
  std::optional<Duration> ago = {};
};
/// From the status of a pool. Generation 0: it has no such member, or none that can be understood.
[[nodiscard]] RolloutRead rollout_of(const nlohmann::ordered_json& pool);

}  // namespace prefork
