// The pools of a status, each name once: while a pool that a reload has removed still stops, another may have
// its name.
#pragma once

#include <vector>

#include "supervisor/admin/json_read.h"

namespace prefork {

/// Of two with the same name the one that was not removed, else the first. They point into `status`.
[[nodiscard]] std::vector<const Json*> present_pools(const Json& status);

}  // namespace prefork
