// Where the kernel shows the limits and counters of the cgroups that this process is in. For the default
// number of workers and for the count of out-of-memory kills.
#pragma once

#include <string>
#include <vector>

namespace prefork {

/// The directories of the process's own cgroup and of the cgroups around it, the innermost first: those of
/// version 2, then those that `controller` ("cpu", "memory") has in version 1. Some may not exist: in a
/// container the kernel may name a path that is not visible there. `process` is its directory in /proc.
[[nodiscard]] std::vector<std::string> cgroup_directories(const std::string& controller,
                                                          const std::string& process = "/proc/self");

}  // namespace prefork
