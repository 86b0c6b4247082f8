// How many CPUs the supervisor may use: the default number of workers.
#pragma once

#include <string>

namespace prefork {

/// The CPUs of its affinity mask, or the CPU quota of its cgroup (rounded up) if that is less; at least 1.
/// `process` is its directory in /proc.
[[nodiscard]] unsigned available_cpus(const std::string& process = "/proc/self");

}  // namespace prefork
