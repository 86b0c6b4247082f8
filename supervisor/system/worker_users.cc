#include "supervisor/system/worker_users.h"

#include <fmt/format.h>
#include <sys/capability.h>
#include <unistd.h>

#include <memory>
#include <type_traits>

namespace prefork {
namespace {

using CapabilitySet = std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)>;

/// By capget(2), not /proc: that may hide the processes of other users (hidepid). Null: denied.
CapabilitySet capabilities_of(pid_t process) { return {cap_get_pid(process), cap_free}; }

bool has(cap_t set, cap_value_t capability) {
  cap_flag_value_t value = CAP_CLEAR;
  return cap_get_flag(set, capability, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET;
}

}  // namespace

bool can_change_user(pid_t process) {
  const CapabilitySet set = capabilities_of(process);
  // Denied: what is not known refuses nothing. The spawner itself says what it cannot do.
  if (!set) return process != 0 || ::geteuid() == 0;
  return has(set.get(), CAP_SETUID) && has(set.get(), CAP_SETGID);
}

StarterRights rights_of(pid_t process) {
  const CapabilitySet set = capabilities_of(process);
  return {can_change_user(process), !set || has(set.get(), CAP_SYS_RESOURCE)};
}

UserRights user_rights(pid_t spawner) {
  const bool any_user = can_change_user(spawner);
  return {::geteuid(), any_user, any_user && !can_change_user(0)};
}

Result<void> check_users(const Config& config, const UserRights& rights) {
  for (const PoolConfig& pool : config.pools) {
    const auto& identity = pool.process.identity;
    const bool own = identity && identity->uid == rights.own;
    if (identity && !own && !rights.any_user) {
      return Error{
          fmt::format("pool {}: workers cannot run as user \"{}\": the supervisor is not root; start it as "
                      "root, or as that user",
                      pool.name, pool.process.user)};
    }
    if (rights.given_up && (!identity || own)) {
      return Error{
          fmt::format("pool {}: its workers would run as {}, but the supervisor has given up root; restart "
                      "it, or give the pool another \"user\"",
                      pool.name, own ? "the supervisor's own user" : "root")};
    }
  }
  return {};
}

Result<void> check_admin_user(const AdminConfig& config, bool as_root) {
  if (!config.identity || as_root || config.identity->uid == ::geteuid()) return {};
  return Error{"the admin process cannot run as user \"" + config.user +
               "\": the supervisor was not started as root; leave admin_user out, or start it as root"};
}

}  // namespace prefork
