// The live status as JSON, beside the table of status.h.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "supervisor/control/status.h"

namespace prefork {

/// docs/control.md names every key.
[[nodiscard]] nlohmann::ordered_json to_json(const SupervisorStatus& status);

}  // namespace prefork
