// Checks that the command of a pool with the protocol accept is a program into which the accept library can
// be preloaded, and that the library is there. Asks the machine; check_command() calls it.
#pragma once

#include <string>

#include "config/config.h"
#include "config/machine.h"
#include "config/problems.h"

namespace prefork {

/// `pool` has its executable. Finds out which of the libraries it needs.
void check_accept_program(PoolConfig& pool, const std::string& pointer, const Machine& machine,
                          Problems& problems);

/// The file of the library that the pool's program needs.
[[nodiscard]] std::string accept_library_of(const PoolConfig& pool, const std::string& directory);
/// Why that cannot be preloaded, or ""; for each pool with the protocol accept.
[[nodiscard]] std::string accept_library_fault(const PoolConfig& pool, const std::string& directory);

/// Of a pool whose program has been replaced since: which library it needs now.
void look_again_at_accept_program(PoolConfig& pool);

}  // namespace prefork
