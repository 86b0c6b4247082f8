// The differences between two configurations of a pool, in one line for a person. Names keys, not values,
// because a value may be secret; only the number of workers and the listen addresses are shown.
#pragma once

#include <string>

#include "config/changes.h"

namespace prefork {

/// "workers 4, queue.timeout; listen :81 added, :80 removed; workers are replaced: command", or "unchanged".
/// `pool` is the new one.
[[nodiscard]] std::string in_words(const PoolChanges& changes, const PoolConfig& pool);

}  // namespace prefork
