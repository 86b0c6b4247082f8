#include "config/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <vector>

#include "config/cgroup.h"

namespace prefork {
namespace {

unsigned allowed_by_affinity() {
  // The kernel fills a set that has room for more CPUs than the machine has, and refuses a smaller one.
  constexpr std::size_t kMaxCpus = 65536;
  std::vector<cpu_set_t> set(kMaxCpus / CPU_SETSIZE);
  const std::size_t bytes = set.size() * sizeof(cpu_set_t);
  if (::sched_getaffinity(0, bytes, set.data()) != 0) return 1;
  return static_cast<unsigned>(std::max(CPU_COUNT_S(bytes, set.data()), 1));
}

/// The microseconds of CPU time in each period of this many microseconds. Nothing without a quota: the file
/// of version 2 then says "max", that of version 1 "-1".
std::optional<double> quota_in(const std::string& directory) {
  double quota = 0;
  double period = 0;
  std::ifstream unified(directory + "/cpu.max");
  if (!(unified >> quota >> period)) {
    std::ifstream(directory + "/cpu.cfs_quota_us") >> quota;
    std::ifstream(directory + "/cpu.cfs_period_us") >> period;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

}  // namespace

unsigned available_cpus(const std::string& process) {
  double cpus = allowed_by_affinity();
  for (const std::string& directory : cgroup_directories("cpu", process)) {
    if (const auto quota = quota_in(directory)) cpus = std::min(cpus, std::ceil(*quota));
  }
  return static_cast<unsigned>(cpus);
}

}  // namespace prefork
