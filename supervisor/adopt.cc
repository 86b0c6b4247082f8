#include "supervisor/adopt.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "config/accept_check.h"
#include "config/node_check.h"
#include "config/privileges.h"
#include "config/relative_path.h"
#include "supervisor/commands/command_line.h"
#include "supervisor/loop/log_sink.h"
#include "supervisor/spawner/launch.h"
#include "supervisor/state/state_file.h"
#include "supervisor/system/give_up_root.h"
#include "supervisor/system/own_process.h"
#include "supervisor/system/replace_program.h"
#include "supervisor/system/worker_users.h"
#include "supervisor/upgrade/adoption.h"
#include "supervisor/upgrade/upgrade_check.h"
#include "supervisor/version.h"

namespace prefork {
namespace {

struct Adoption {
  SupervisorState state;
  AdoptedConfigs configs;
};

Result<Adoption> read_adoption(int descriptor, const CommandSearch& search) {
  const Fd file(descriptor);
  auto bytes = read_state(file);
  if (!bytes) return bytes.error();
  auto state = decode_state(bytes.value().bytes());
  if (!state) return state.error();
  AdoptedConfigs configs = configs_in(state.value(), search);
  return Adoption{std::move(state).value(), std::move(configs)};
}

/// Refuses when this program does not understand the running spawner and cannot start another one.
Result<void> check_spawner(const Adoption& adoption) {
  if (speaks_launch_format(adoption.state.spawner.launch_format)) return {};
  if (adoption.state.client_descriptors != 0 && adoption.state.clients_protected) {
    return Error{
        "this version starts workers in another way, and what the supervisor starts for that would have its "
        "seccomp filter, and so would the workers: restart it instead"};
  }
  if (can_change_user(0)) return {};
  for (const PoolConfig& pool : adoption.configs.running.pools) {
    if (!pool.process.identity) continue;
    return Error{
        "this version starts workers in another way, for which it needs the root that the supervisor has "
        "given up: restart it instead"};
  }
  return {};
}

/// Refuses when new workers of a pool could not be started.
Result<void> check_preloaded(const Config& config, const std::string& directory) {
  for (const PoolConfig& pool : config.pools) {
    for (const std::string& fault :
         {accept_library_fault(pool, directory), node_module_fault(pool, directory)}) {
      if (!fault.empty()) return Error{"pool " + pool.name + ": " + fault};
    }
  }
  return {};
}

}  // namespace

int adopt_check(int descriptor, const CommandSearch& search) {
  const auto adoption = read_adoption(descriptor, search);
  if (!adoption) return print_error(adoption.error().message()), kNo;
  if (auto fine = examine_state(adoption.value().state, adoption.value().configs); !fine)
    return print_error(fine.error().message()), kNo;
  if (auto startable = check_spawner(adoption.value()); !startable)
    return print_error(startable.error().message()), kNo;
  if (auto found = check_preloaded(adoption.value().configs.running, search.libraries); !found)
    return print_error(found.error().message()), kNo;
  (void)std::printf("%s%s %s\n", std::string(UpgradeCheck::kYes).c_str(), "supervisor", kVersion);
  return kFine;
}

int adopt(int descriptor, const std::string& program, const CommandSearch& search) {
  hide_from_own_user();
  keep_descriptors_from_children();
  normalize_process();
  auto adoption = read_adoption(descriptor, search);
  if (!adoption) return print_error("--adopt: " + adoption.error().message()), kNo;
  const SupervisorState& state = adoption.value().state;
  if (state.pid != ::getpid())
    return print_error("--adopt is for an upgrade in place: send SIGUSR2 to the supervisor"), kUsageOrConfig;

  Log log(STDERR_FILENO);
  log.set_level(adoption.value().configs.running.log_level);
  log.set_format(adoption.value().configs.running.log_format);
  if (state.log_file != Carried::kNone)
    log.sink().go_on_in(adoption.value().configs.running.log_file, Fd(static_cast<int>(state.log_file)));
  log.adopt(state.log_waiting, state.log_dropped);
  for (const std::string& mistake : adoption.value().configs.mistakes)
    log.error("the configuration in force has a mistake, and is in force all the same: {}", mistake);
  const rlimit descriptors{state.descriptors_soft, state.descriptors_hard};
  Supervisor supervisor({{absolute_path(state.config_file), search, ActivatedSockets::adopt(state.activated),
                          state.config_given},
                         descriptors,
                         program},
                        log, SpawnerLink::process_of(state.spawner));
  supervisor.adopt(state, adoption.value().configs);
  adoption = Error{""};
  (void)::malloc_trim(0);
  unblock_signals();
  return run_until_stopped(supervisor, log);
}

int run_until_stopped(Supervisor& supervisor, Log& log) {
  const int status = supervisor.run();
  log.info("stopped");
  log.write_rest(std::chrono::seconds(2));
  return status;
}

}  // namespace prefork
