#include "supervisor/app/confinement.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "config/limit_check.h"
#include "config/privileges.h"
#include "config/reach.h"
#include "config/warnings.h"
#include "supervisor/app/admin_warnings.h"
#include "supervisor/app/descriptor_budget.h"
#include "supervisor/app/pool_reach.h"
#include "supervisor/system/as_user.h"
#include "supervisor/system/descriptor_limits.h"
#include "supervisor/system/give_up_root.h"
#include "supervisor/system/worker_users.h"

namespace prefork {

Identity own_identity(const Config& config, const std::string& config_file) {
  if (config.supervisor_identity) return *config.supervisor_identity;
  return identity_without_account(config_file, config);
}

Identity identity_of_admin(const Config& config, const std::string& config_file, const Identity& own,
                           bool ask) {
  // The same choice for another name, and without the supervisor's own number.
  Config others = config;
  others.pools.emplace_back().process.identity = own;
  return identity_without_account(config_file + ".admin", others, ask);
}

StartAnswers ask_at_start(const Config& config, const std::string& config_file,
                          const std::string& libraries) {
  StartAnswers answers;
  const auto warn = [&answers](std::vector<std::string> lines) {
    std::move(lines.begin(), lines.end(), std::back_inserter(answers.warnings));
  };
  const bool as_root = can_change_user(0);
  PoolReach reach = pool_reach(config, config_file, libraries, AskForUser::kInChild);
  answers.mistakes = std::move(reach.mistakes);
  for (std::string& fault : limit_faults(config, config_file, rights_of(0)))
    answers.mistakes.push_back(std::move(fault));
  warn(std::move(reach.warnings));
  warn(setting_warnings(config, config_file));
  warn(privilege_warnings(config, config_file, as_root));
  warn(admin_warnings(config, config_file));
  const bool gives_up_root = as_root && every_pool_has_user(config);
  if (gives_up_root) answers.become = own_identity(config, config_file);
  // A reload may want the process later; the user database, which may be slow, is asked only for one wanted
  // now.
  if (as_root) answers.admin = identity_of_admin(config, config_file, answers.become, config.admin.wanted());
  if (gives_up_root) {
    auto faults = lines_as(answers.become, [&] { return reload_faults(config, config_file); });
    warn(faults ? std::move(faults).value()
                : std::vector<std::string>{config_file + ": whether it can be reloaded is not checked: " +
                                           faults.error().message()});
  }
  return answers;
}

Result<void> settle_privileges(const Config& config, const StartAnswers* at_start, SpawnerLink& spawner,
                               Log& log) {
  hide_from_own_user();
  if (!can_change_user(0) || !every_pool_has_user(config)) return {};
  if (at_start == nullptr) {
    // Pools that run may need root again: when a worker is restarted, or when the rollout of this
    // configuration fails.
    log.warn("every pool has a user now: restart the supervisor, and it gives up root");
    return {};
  }
  if (auto renounced = spawner.renounce_root(); !renounced) return renounced;
  if (auto given_up = give_up_root(at_start->become); !given_up) return given_up;
  log.info("gave up root: user {}, group {} from now on", ::geteuid(), ::getegid());
  return {};
}

Result<void> protect_clients(const Config& config, ClientDescriptors& clients, Log& log) {
  const int first = choose_first_client(config, descriptor_limit());
  clients.reserve(first);
  if (!config.seccomp.value_or(true)) return {};
  if (auto guarded = clients.protect(first); !guarded) {
    const std::string why = guarded.error().message();
    if (config.seccomp)
      return Error{"client sockets cannot be made unreadable, as \"seccomp\" demands: " + why};
    log.warn("client sockets are not made unreadable by the kernel: {}", why);
    return {};
  }
  log.info("client sockets cannot be read by the supervisor: seccomp, from descriptor {} on",
           clients.first());
  return {};
}

bool runs_as_another_user(const Config& config, const SpawnerLink& spawner) {
  if (!can_change_user(spawner.pid()) || can_change_user(0)) return false;
  const auto& wanted = config.supervisor_identity;
  if (!wanted) return !is_without_account(::geteuid());
  return wanted->uid != ::geteuid() || wanted->gid != ::getegid();
}

}  // namespace prefork
