// The small process that starts workers. It holds no client socket and reads no bytes of clients, so starting
// a worker costs the same whatever the supervisor holds. Workers are created as the supervisor's own children
// (CLONE_PARENT). It ends when the supervisor closes its socket or dies.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <utility>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

struct SpawnerProcess {
  Fd socket;  ///< SOCK_SEQPACKET, non-blocking: requests out, LaunchReply in
  Fd pidfd;
  pid_t pid = 0;
};

/// The two ends of a spawner's socket: first ours, which is non-blocking, then the spawner's.
[[nodiscard]] Result<std::pair<Fd, Fd>> make_spawner_socket();

/// Forks the spawner. `descriptors`: the RLIMIT_NOFILE of workers.
[[nodiscard]] Result<SpawnerProcess> start_spawner(const rlimit& descriptors);

}  // namespace prefork
