// A pool, which asks a SpawnerLink for workers and is told what became of each.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "proto/fd.h"
#include "supervisor/spawner/launch_reply.h"

namespace prefork {

class StartRequester {
 public:
  virtual ~StartRequester() = default;
  virtual void started(std::uint64_t worker, pid_t pid, Fd pidfd) = 0;
  /// There is no process and there will be none.
  virtual void not_started(std::uint64_t worker, const LaunchReply& reply) = 0;
  /// The process could not become the worker; its exit follows or has been.
  virtual void start_failed(std::uint64_t worker, const LaunchReply& reply) = 0;
  /// The worker's program or directory is not the one that Launch::pin names:
  /// LaunchReply::started_otherwise().
  virtual void started_otherwise(std::uint64_t worker, const LaunchReply& reply) = 0;
};

}  // namespace prefork
