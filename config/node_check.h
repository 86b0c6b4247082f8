// The module that the protocol node loads into Node programs: where it is, and whether it can be read.
// check_command() asks.
#pragma once

#include <string>

#include "config/config.h"
#include "config/machine.h"
#include "config/problems.h"

namespace prefork {

/// The file, without symbolic links: Node names a module by such a path. `libraries`: the directory of the
/// accept library; the module's is beside it.
[[nodiscard]] std::string node_module_of(const std::string& libraries);
/// Why that cannot be loaded, or ""; for each pool with the protocol node.
[[nodiscard]] std::string node_module_fault(const PoolConfig& pool, const std::string& libraries);

/// Why the pool's program is perhaps not Node, or "". `path`: where programs are found.
[[nodiscard]] std::string node_program_doubt(const PoolConfig& pool, const std::string& path);

void check_node_module(const PoolConfig& pool, const std::string& pointer, const Machine& machine,
                       Problems& problems);

}  // namespace prefork
