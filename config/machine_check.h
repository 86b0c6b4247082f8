// Checks the parts of a pool that speak of the machine it runs on: its program, its directory, the owner of
// its socket, the host it listens at. What is wrong becomes a problem at the value that names it.
#pragma once

#include <string>

#include "config/config.h"
#include "config/problems.h"

namespace prefork {

/// `pointer` is the pool's; sets `executable`. Values that are empty were reported already.
void check_surroundings(PoolConfig& pool, const std::string& pointer, const CommandSearch& search,
                        Problems& problems);

/// `pointer` is that of the address as a string or as an object.
void check_listener(const ListenAddress& address, const std::string& pointer, Problems& problems);

}  // namespace prefork
