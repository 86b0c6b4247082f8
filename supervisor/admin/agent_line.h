// The line that HAProxy's agent-check gets: HAProxy configuration manual, "agent-check". Pure.
#pragma once

#include <string>
#include <string_view>

#include "supervisor/admin/json_read.h"

namespace prefork {

/// With its newline, without which HAProxy ignores it. `pool`: what agent-send sent; empty: of all pools.
/// Null `status`: the supervisor does not answer.
[[nodiscard]] std::string agent_line(const Json& status, std::string_view pool);

/// The name in what a client has sent so far: up to its newline, without spaces around it.
[[nodiscard]] std::string agent_pool(std::string_view sent);

}  // namespace prefork
