// What differs between two configurations of a pool, in one line for a person. Names keys, not values, which
// may be secret: but for the number of workers, and where the pool listens.
#pragma once

#include <string>

#include "config/changes.h"

namespace prefork {

/// "a, b".
[[nodiscard]] std::string listed(const Keys& keys);

/// "workers 4, queue.timeout; listen :81 added, :80 removed; workers are replaced: command", or "unchanged".
/// `pool` is the new one.
[[nodiscard]] std::string in_words(const PoolChanges& changes, const PoolConfig& pool);

}  // namespace prefork
