#include "supervisor/system/give_up_root.h"

#include <grp.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#include "config/relative_path.h"

namespace prefork {
namespace {

constexpr std::array<cap_value_t, 2> kKept{CAP_KILL, CAP_NET_BIND_SERVICE};

Error failure(const char* step) { return system_error(std::string("giving up root: ") + step); }

bool is_kept(cap_value_t capability) {
  return std::find(kKept.begin(), kKept.end(), capability) != kKept.end();
}

bool runs_workers(std::uint32_t uid, const Config& config) {
  return std::any_of(config.pools.begin(), config.pools.end(), [uid](const PoolConfig& pool) {
    return pool.process.identity && pool.process.identity->uid == uid;
  });
}

/// Capabilities outside this set cannot come back in any program that is executed from here.
Result<void> empty_bounding_set() {
  for (cap_value_t capability = 0; cap_get_bound(capability) >= 0; ++capability) {
    if (is_kept(capability) || cap_drop_bound(capability) == 0) continue;
    // Without CAP_SETPCAP the capability stays in the set. no_new_privs and the empty permitted set keep it
    // from coming back.
    if (errno != EPERM) return failure("the bounding set");
  }
  return {};
}

using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)>;

/// The capabilities of kKept that this process has.
std::vector<cap_value_t> capabilities_to_keep() {
  const Capabilities present(cap_get_proc(), cap_free);
  std::vector<cap_value_t> keep;
  for (const cap_value_t capability : kKept) {
    cap_flag_value_t value = CAP_CLEAR;
    if (present) (void)cap_get_flag(present.get(), capability, CAP_PERMITTED, &value);
    if (value == CAP_SET) keep.push_back(capability);
  }
  return keep;
}

Result<void> keep_only(const std::vector<cap_value_t>& keep) {
  const Capabilities set(cap_init(), cap_free);
  for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE, CAP_INHERITABLE}) {
    const bool done = set && (keep.empty() || cap_set_flag(set.get(), flag, static_cast<int>(keep.size()),
                                                           keep.data(), CAP_SET) == 0);
    if (!done) return failure("capabilities");
  }
  // What leaves the inheritable set leaves the ambient set with it.
  if (cap_set_proc(set.get()) < 0) return failure("capabilities");
  for (const cap_value_t capability : keep) {
    if (cap_set_ambient(capability, CAP_SET) < 0) return failure("ambient capabilities");
  }
  return {};
}

Result<void> change_user(const Identity& identity) {
  // Root's session keyring would stay, with the right to read its keys. Fails where there are no keys.
  (void)::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  if (::prctl(PR_SET_KEEPCAPS, 1) < 0) return failure("PR_SET_KEEPCAPS");
  if (::setgroups(0, nullptr) < 0) return failure("groups");
  if (::setresgid(identity.gid, identity.gid, identity.gid) < 0) return failure("group");
  if (::setresuid(identity.uid, identity.uid, identity.uid) < 0) return failure("user");
  return {};
}

// Numbers without an account.
constexpr std::uint32_t kFirst = 61184;
constexpr std::uint32_t kCount = 65520 - kFirst;

}  // namespace

bool is_without_account(std::uint32_t uid) { return uid >= kFirst && uid - kFirst < kCount; }

Identity identity_without_account(const std::string& config_file, const Config& config, bool ask) {
  const auto start =
      static_cast<std::uint32_t>(std::hash<std::string>()(absolute_path(config_file)) % kCount);
  for (std::uint32_t i = 0; i < kCount; ++i) {
    const std::uint32_t id = kFirst + (start + i) % kCount;
    if (runs_workers(id, config)) continue;
    if (ask && (::getpwuid(id) != nullptr || ::getgrgid(id) != nullptr)) continue;
    return Identity{id, id, {}};
  }
  return Identity{kFirst, kFirst, {}};
}

Result<void> give_up_root(const Identity& identity) {
  if (auto emptied = empty_bounding_set(); !emptied) return emptied;
  const std::vector<cap_value_t> keep = capabilities_to_keep();
  if (::geteuid() == 0) {
    if (auto changed = change_user(identity); !changed) return changed;
  }
  if (auto kept = keep_only(keep); !kept) return kept;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return failure("PR_SET_NO_NEW_PRIVS");
  hide_from_own_user();
  if (::setuid(0) == 0 || ::geteuid() == 0) return Error{"giving up root: it is still there"};
  return {};
}

void hide_from_own_user() {
  // Never fails (prctl(2)).
  (void)::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace prefork
