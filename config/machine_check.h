// Checks the values of a pool that are right or wrong on this machine only: its program, its directory, the
// owner of its socket, the host of its listener. Each fault becomes a problem at the value that has it.
#pragma once

#include <string>

#include "config/config.h"
#include "config/machine.h"
#include "config/problems.h"

namespace prefork {

/// Finds the program of `command`, in the pool's directory or else in `directory`, and sets `executable` and
/// `pinned`; checks that what starts a worker fits one message to the spawner. `pointer` is the pool's. Empty
/// values were reported before.
void check_command(PoolConfig& pool, const std::string& pointer, const std::string& directory,
                   const Machine& machine, Problems& problems);

/// Checks that a log file can be at this absolute path: opening it would create it.
void check_log_file(const std::string& path, const Machine& machine, Problems& problems);

/// Puts the answers for host, owner and group into `address`. `pointer` is that of the address as a string or
/// as an object.
void check_listener(ListenAddress& address, const std::string& pointer, const Machine& machine,
                    Problems& problems);

}  // namespace prefork
