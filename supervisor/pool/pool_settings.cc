#include "supervisor/pool/pool_settings.h"

#include <string>
#include <utility>

#include "proto/record.h"
#include "supervisor/pool/accept_environment.h"
#include "supervisor/pool/node_environment.h"
#include "supervisor/system/oom_score.h"

namespace prefork {

PoolSettings to_settings(const PoolConfig& config, Milliseconds stop_timeout) {
  PoolSettings settings;
  settings.workers = config.workers;
  settings.slots = config.connections_per_worker;
  settings.start = config.start;
  settings.prefer = config.prefer;
  settings.hold = config.hold;
  settings.queue_max = config.queue.max;
  settings.queue_timeout = config.queue.timeout;
  settings.order = config.queue.order;
  settings.fairness = config.queue.fairness;
  settings.queue_target = config.queue.target;
  settings.half_closed = config.queue.half_closed;
  settings.per_address = config.connections_per_address;
  if (config.wait_for_data) settings.first_byte_timeout = config.first_byte_timeout;
  if (config.keep_alive.park) {
    settings.keep_alive = PoolSettings::KeepAlive{config.keep_alive.idle_timeout, config.keep_alive.max};
  }
  settings.full = config.queue.full;
  settings.start_timeout = config.health.start_timeout;
  settings.receipt_timeout = config.health.receipt_timeout;
  settings.kill_timeout = config.health.kill_timeout;
  settings.stop_timeout = stop_timeout;
  settings.busy_timeout = config.health.busy_timeout.value_or(Milliseconds(0));
  settings.ping_interval = config.health.ping_interval.value_or(Milliseconds(0));
  settings.ping_timeout = config.health.ping_timeout;
  settings.stuck_signal = config.health.kill_signal;
  if (config.elastic) {
    settings.elastic = PoolSettings::Elastic{config.elastic->min, config.elastic->spare,
                                             config.elastic->spawn_rate, config.elastic->idle_timeout};
  }
  settings.recycle = {config.recycle.connections, config.recycle.jitter / 100.0,
                      config.recycle.age.value_or(Milliseconds(0)), config.recycle.rss,
                      config.recycle.at_once};
  settings.probation = {config.probation.time, config.probation.connections};
  settings.backoff_min = config.restart.backoff_min;
  settings.backoff_max = config.restart.backoff_max;
  return settings;
}

Launches to_launches(const PoolConfig& config, const std::vector<ListenTarget>& targets) {
  return {to_launch(config, targets, WorkerRole::kWorker), to_launch(config, targets, WorkerRole::kTemplate)};
}

namespace {

void set_process(const ProcessConfig& config, Launch& launch) {
  if (config.identity) {
    launch.identity =
        LaunchIdentity{config.user, config.identity->uid, config.identity->gid, config.identity->groups};
  }
  launch.umask = config.umask;
  launch.nice = config.nice;
  launch.oom_score_adj = config.oom_score_adj ? config.oom_score_adj : default_oom_score_adj();
  launch.oom_score_is_default = !config.oom_score_adj;
  for (const ResourceLimit& limit : config.limits)
    launch.limits.push_back({limit.resource, limit.name, limit.soft, limit.hard});
}

}  // namespace

namespace {

/// The supervisor's own variables are root's: a program would look for its files in root's directory.
void add_account(const PoolConfig& config, Launch& launch) {
  const Account& account = config.process.account;
  if (account.name.empty()) return;  // without `user`
  for (const auto& [name, value] : {std::pair("HOME", &account.home), std::pair("LOGNAME", &account.name),
                                    std::pair("SHELL", &account.shell), std::pair("USER", &account.name)}) {
    if (!config.environment.contains(name)) launch.environment.push_back(std::string(name) + '=' + *value);
  }
}

}  // namespace

Launch to_launch(const PoolConfig& config, const std::vector<ListenTarget>& targets, WorkerRole role) {
  Launch launch;
  set_process(config.process, launch);
  launch.executable = config.executable;
  launch.argv = config.command;
  launch.directory = config.directory;
  const PinnedProgram& pinned = config.pinned;
  launch.pin = {pinned.executable,    pinned.directory, pinned.device,           pinned.inode,
                pinned.size,          pinned.modified,  pinned.directory_device, pinned.directory_inode,
                pinned.directory_born};
  launch.batch = config.scheduling.value_or(Scheduling::kBatch) == Scheduling::kBatch;
  launch.batch_is_default = !config.scheduling;
  launch.notified = config.protocol.name == Protocol::kAcceptNotify;
  launch.captured = config.output == Output::kPrefix;
  for (const auto& [name, value] : config.environment) {
    launch.environment.push_back(name + '=');
    launch.environment.back() += value;
  }
  add_account(config, launch);
  if (config.protocol.name == Protocol::kClassic && role == WorkerRole::kWorker) {
    launch.wire = Wire::kClassic;
    launch.idle_value = config.protocol.idle_value;
    return launch;
  }
  launch.environment.push_back(std::string(kSlotsVariable) + "=" +
                               std::to_string(config.connections_per_worker));
  if (config.protocol.name == Protocol::kNode) {
    launch.wire = Wire::kNode;
    add_node_environment(config, targets, launch);
    return launch;
  }
  launch.environment.push_back(std::string(kChannelVariable) + "=" + std::to_string(kChannelDescriptor));
  if (config.protocol.accepts()) add_accept_environment(config, targets, launch);
  if (role == WorkerRole::kTemplate) launch.environment.push_back(std::string(kTemplateVariable) + "=1");
  return launch;
}

}  // namespace prefork
