// Reads the key `protocol` and those that belong to one protocol only, and finds the keys of a pool that do
// not go together with its protocol. build_pool() calls it.
#pragma once

#include <string>

#include "config/config.h"
#include "config/document.h"
#include "config/problems.h"

namespace prefork {

/// `pool` has its other keys already.
void read_protocol(const Document& object, PoolConfig& pool, const std::string& pointer, Problems& problems);

}  // namespace prefork
