// The part of Supervisor that lets a new program take its place in the same process, and that goes on from
// there.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "supervisor/app/supervisor.h"
#include "supervisor/control/describe.h"
#include "supervisor/state/state_file.h"
#include "supervisor/system/clock.h"
#include "supervisor/system/own_process.h"
#include "supervisor/system/replace_program.h"
#include "supervisor/version.h"

namespace prefork {

void Supervisor::on_usr2() {
  if (auto begun = upgrade(); !begun) upgrade_refused(begun.error().message());
}

Result<void> Supervisor::upgrade() {
  if (stopping_) return Error{"the supervisor is stopping"};
  if (upgrade_check_.running() || upgrade_due_) return Error{"another upgrade is under way"};
  auto file = FileIdentity::of(options_.program);
  if (!file) return file.error();
  auto sealed = seal_state(encode_state(state()));
  if (!sealed) return sealed.error();
  if (auto started = upgrade_check_.start(options_.program, sealed.value()); !started) return started;
  examined_ = file.value();
  examined_config_ = config_text_;
  log_.info("upgrade: examining {}", options_.program);
  return {};
}

void Supervisor::upgrade_refused(const std::string& why) {
  log_.error("upgrade refused, supervisor {} goes on: {}", kVersion, why);
  control_.publish(control_event::UpgradeRefused{why});
}

void Supervisor::upgrade_proven(const std::string& version) {
  log_.info("upgrade: {} takes over", version);
  upgrade_due_ = true;  // on_before_sleep() leaves the loop for it
}

bool Supervisor::listeners_retire() const {
  const auto retires = [](const auto& pool) { return pool->retiring(); };
  return std::any_of(pools_.begin(), pools_.end(), retires) ||
         std::any_of(leaving_.begin(), leaving_.end(), retires);
}

void Supervisor::hand_over() {
  upgrade_due_ = false;
  // From here on signals wait for the next program. Those that have been caught already are handled first.
  block_signals();
  loop_.run_once();
  if (listeners_retire()) {
    upgrade_due_ = true;  // a reload was among them
  } else if (auto replaced = replace_by_proven(); !replaced) {
    upgrade_refused(replaced.error().message());
  }
  unblock_signals();
}

Result<void> Supervisor::replace_by_proven() {
  if (stopping_) return Error{"the supervisor is stopping"};
  auto file = FileIdentity::of(options_.program);
  if (!file) return file.error();
  if (!examined_ || !(file.value() == *examined_)) {
    return Error{options_.program + " was replaced once more while it was examined; try again"};
  }
  on_before_sleep();
  SupervisorState final_state = state();
  final_state.config_examined = config_text_ == examined_config_;
  auto sealed = seal_state(encode_state(final_state));
  if (!sealed) return sealed.error();
  if (auto own = clients_.check_own(sealed.value().get()); !own) return own;  // the new program reads it
  std::vector<int> descriptors = descriptors_in(final_state);
  descriptors.push_back(sealed.value().get());
  return replace_program(
      options_.program,
      {options_.program, "-c", options_.config_file, "--adopt", std::to_string(sealed.value().get())},
      descriptors);
}

SupervisorState Supervisor::state() {
  SupervisorState state;
  state.version = kVersion;
  state.pid = ::getpid();
  state.config_file = options_.config_file;
  state.config_lock = Carried{config_lock_.get()};
  state.descriptors_soft = options_.worker_descriptors.rlim_cur;
  state.descriptors_hard = options_.worker_descriptors.rlim_max;
  state.started_at = started_at_;
  state.last_status = status_writer_.last();
  state.written_at = current_time();
  state.status_due = status_writer_.due();
  state.client_descriptors = static_cast<std::uint64_t>(clients_.first());
  state.clients_protected = clients_.are_protected();
  state.strangers_reaped = strangers_reaped_;
  state.spawner = spawner_.state();
  state.control = control_.state();
  state.activated = options_.activated.state();
  state.running.config_text = config_text_;
  for (const auto& pool : pools_) state.running.pools.push_back(pool->state());
  for (const auto& pool : leaving_) state.leaving.push_back({pool->removed_from(), {pool->state()}});
  (void)log_.write_pending();
  state.log_waiting = log_.waiting();
  state.log_dropped = log_.dropped();
  return state;
}

Result<void> Supervisor::adopt(const SupervisorState& state, const AdoptedConfigs& configs) {
  config_lock_.reset(static_cast<int>(state.config_lock));
  config_text_ = state.running.config_text;
  started_at_ = state.started_at;
  strangers_reaped_ = state.strangers_reaped;
  control_.adopt(state.control, configs.running.control);
  clients_.adopt(static_cast<int>(state.client_descriptors), state.clients_protected);
  file_keys_ = configs.running;
  spawner_.adopt(state.spawner);
  for (const PoolState& pool : state.running.pools) {
    auto adopted = adopt_pool(pool, configs.running);
    if (!adopted) return adopted.error();
    pools_.push_back(std::move(adopted).value());
  }
  for (std::size_t i = 0; i < state.leaving.size(); ++i) {
    for (const PoolState& pool : state.leaving[i].pools) {
      auto adopted = adopt_pool(pool, configs.leaving[i]);
      if (!adopted) return adopted.error();
      leaving_.push_back(std::move(adopted).value());
      leaving_.back()->remember_config(state.leaving[i].config_text);
    }
  }
  log_.info("supervisor {} has taken over from {} in the same process, pid {}, in {}", kVersion,
            state.version, ::getpid(), describe(current_time() - state.written_at));
  if (clients_.are_protected() && !file_keys_.seccomp.value_or(true))
    log_.info("seccomp stays until the supervisor is restarted: what is installed cannot be taken off");
  spawner_.begin();
  for (const auto& pools : {&pools_, &leaving_}) {
    for (const auto& pool : *pools) pool->resume();
  }
  status_writer_.adopt(state.last_status, state.status_due);
  on_chld();  // whoever has died meanwhile
  return {};
}

Result<std::unique_ptr<PoolRunner>> Supervisor::adopt_pool(const PoolState& state, const Config& config) {
  const PoolConfig* found = find_pool(config, state.name);
  if (found == nullptr) return Error{"pool " + state.name + ": the configuration does not name it"};
  auto pool = std::make_unique<PoolRunner>(surroundings(), *found,
                                           std::chrono::duration_cast<Milliseconds>(state.stop_timeout),
                                           state.spawner_key);
  if (auto adopted = pool->adopt(state); !adopted) return adopted.error();
  return pool;
}

}  // namespace prefork
