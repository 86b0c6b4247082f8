// The steps of a new process between clone and exec. The process may have been cloned at any point of the
// spawner's work, so only safe calls are made: no allocation, no locks.
#pragma once

#include "supervisor/spawner/launch.h"

namespace prefork {

/// Everything that the child needs, prepared before the clone.
struct ChildPlan {
  LaunchKey key;
  const Launch* launch = nullptr;
  char* const* argv = nullptr;
  char* const* environment = nullptr;
  int channel = -1;  ///< becomes descriptor 3, or 0 of a classic worker
  int output = -1;   ///< becomes descriptors 1 and 2; -1: they stay as they are
  int report = -1;   ///< the spawner's end of its socket: a failure is reported there
};

/// Becomes the worker. Does not return: on failure it reports the step and errno and exits with status 127.
[[noreturn]] void become_worker(const ChildPlan& plan);

}  // namespace prefork
