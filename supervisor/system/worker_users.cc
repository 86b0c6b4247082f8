#include "supervisor/system/worker_users.h"

#include <fmt/format.h>
#include <sys/capability.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

namespace prefork {
namespace {

std::string status_field(pid_t process, const std::string& field) {
  std::ifstream lines("/proc/" + (process == 0 ? "self" : std::to_string(process)) + "/status");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
  }
  return "";
}

}  // namespace

bool can_change_user(pid_t process) {
  constexpr std::uint64_t kNeeded = (1U << CAP_SETUID) | (1U << CAP_SETGID);
  const std::string effective = status_field(process, "CapEff");
  return (std::strtoull(effective.c_str(), nullptr, 16) & kNeeded) == kNeeded;
}

Result<void> check_users(const Config& config, pid_t spawner) {
  const bool any_user = can_change_user(spawner);
  const bool given_up = any_user && !can_change_user(0);
  for (const PoolConfig& pool : config.pools) {
    const auto& identity = pool.process.identity;
    const bool own = identity && identity->uid == ::geteuid();
    if (identity && !own && !any_user) {
      return Error{
          fmt::format("pool {}: workers cannot run as user \"{}\": the supervisor is not root; start it as "
                      "root, or as that user",
                      pool.name, pool.process.user)};
    }
    if (given_up && (!identity || own)) {
      return Error{
          fmt::format("pool {}: its workers would run as {}, but the supervisor has given up root; restart "
                      "it, or give the pool another \"user\"",
                      pool.name, own ? "the supervisor's own user" : "root")};
    }
  }
  return {};
}

}  // namespace prefork
