#include "config/limit_check.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <optional>

#include "config/key_place.h"

namespace prefork {
namespace {

std::string amount(std::uint64_t value) {
  return value == RLIM_INFINITY ? "\"unlimited\"" : std::to_string(value);
}

/// Why the limit cannot be set; nothing: it can, or it is not known.
std::optional<std::string> limit_fault(const ResourceLimit& limit, bool may_raise) {
  if (const auto most = max_descriptors(); limit.resource == RLIMIT_NOFILE && most && limit.hard > *most) {
    return "no process may have more than " + std::to_string(*most) +
           " descriptors here; set a lower limit, or raise that number first (sysctl fs.nr_open)";
  }
  rlimit present{};
  const bool known = ::getrlimit(static_cast<__rlimit_resource>(limit.resource), &present) == 0;
  if (may_raise || !known || limit.hard <= present.rlim_max) return std::nullopt;
  return "the hard limit here is " + amount(present.rlim_max) +
         ", and raising it needs CAP_SYS_RESOURCE; set a lower limit, or start the supervisor with a higher "
         "one "
         "(ulimit -H, or LimitNOFILE= and the like in its unit)";
}

}  // namespace

std::optional<std::uint64_t> max_descriptors() {
  std::uint64_t most = 0;
  std::ifstream file("/proc/sys/fs/nr_open");
  return file >> most ? std::optional(most) : std::nullopt;
}

std::vector<std::string> limit_faults(const Config& config, const std::string& file,
                                      const StarterRights& rights) {
  std::vector<std::string> faults;
  for (const PoolConfig& pool : config.pools) {
    // A file for root, in the hands of another user: root may raise limits.
    const bool for_root =
        pool.process.identity && pool.process.identity->uid != ::geteuid() && !rights.any_user;
    const auto place = place_of_key(config, pool, "limits");
    for (const ResourceLimit& limit : pool.process.limits) {
      const auto why = limit_fault(limit, rights.higher_limits || for_root);
      if (!why) continue;
      faults.push_back(file + ": " + (place ? place->pointer : "/limits") + '/' + limit.name + ": " +
                       amount(limit.hard) + " is not allowed: " + *why);
    }
  }
  return faults;
}

}  // namespace prefork
