// The environment by which a program with the protocol accept is put behind the supervisor: the preloaded
// library, and what the library must know. to_launch() adds it. pool/node_environment is the same for Node.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "supervisor/listen/listener_set.h"
#include "supervisor/spawner/launch.h"

namespace prefork {

void add_accept_environment(const PoolConfig& config, const std::vector<ListenTarget>& targets,
                            Launch& launch);

/// Sets the variable to `value`, with what the operator wants of it behind `separator`: the pool's value, or
/// else that of the supervisor's own environment.
void put_in_front(std::string_view name, std::string value, char separator, const PoolConfig& config,
                  Launch& launch);

/// Where the pool listens, as SUPERVISOR_LISTEN, HOST and PORT.
void add_listen_addresses(const PoolConfig& config, const std::vector<ListenTarget>& targets, Launch& launch);

/// The supervisor that has made `launch` may have had its library elsewhere, and its file may be gone.
void use_own_accept_library(Launch& launch);

/// SUPERVISOR_LISTEN in the environment of a launch, "0=127.0.0.1:8080,1=unix:/run/x.sock"; empty: it has
/// none.
[[nodiscard]] std::string listen_list(const Launch& launch);
/// The addresses in that, "127.0.0.1:8080, unix:/run/x.sock".
[[nodiscard]] std::string accept_addresses(const Launch& launch);

}  // namespace prefork
