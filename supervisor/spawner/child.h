// What a new process does between clone and exec. Only calls that are safe in a process cloned from who knows
// where: no allocation, no locks.
#pragma once

#include "supervisor/spawner/launch.h"

namespace prefork {

/// Everything the child needs, made ready before the clone.
struct ChildPlan {
  LaunchKey key;
  const Launch* launch = nullptr;
  char* const* argv = nullptr;
  char* const* environment = nullptr;
  int channel = -1;  ///< becomes descriptor 3
  int output = -1;   ///< becomes descriptors 1 and 2; -1: they stay as they are
  int report = -1;   ///< where a failure is reported: the spawner's end of its socket
};

/// Becomes the worker. Does not return: on failure it reports the step and errno and exits with status 127.
[[noreturn]] void become_worker(const ChildPlan& plan);

}  // namespace prefork
