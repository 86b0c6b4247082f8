// The last reload in words and as JSON, for the status and for the commands.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/ids.h"
#include "supervisor/core/last_reload.h"

namespace prefork {

/// "last reload: refused 3 min ago, nothing has changed: …", or "applied 3 min ago". One line for each
/// mistake that is shown; one mistake stands in the first line.
[[nodiscard]] std::vector<std::string> describe(const LastReload& reload, Duration ago);
/// The member "reload" of the status.
[[nodiscard]] nlohmann::ordered_json to_json(const LastReload& reload, Duration ago);

/// The same, as a client has read it. `at` is not known.
struct ReloadRead {
  LastReload reload;
  Duration ago{};
};
/// From the status of a supervisor. Nothing: there has been no reload, or it has no such member.
[[nodiscard]] std::optional<ReloadRead> reload_of(const nlohmann::ordered_json& status);

}  // namespace prefork
