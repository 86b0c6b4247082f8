#include "supervisor/io/pool_settings.h"

#include <string>

#include "proto/record.h"

namespace prefork {

PoolSettings to_settings(const PoolConfig& config, Milliseconds stop_timeout) {
  PoolSettings settings;
  settings.workers = config.workers;
  settings.slots = config.connections_per_worker;
  settings.start = config.start == StartForm::kFork ? PoolSettings::Start::kFork : PoolSettings::Start::kExec;
  settings.prefer =
      config.prefer == Prefer::kWarmest ? PoolSettings::Prefer::kWarmest : PoolSettings::Prefer::kLongestIdle;
  settings.hold = config.hold == Hold::kDone ? PoolSettings::Hold::kDone : PoolSettings::Hold::kReceipt;
  settings.queue_max = config.queue.max;
  settings.queue_timeout = config.queue.timeout;
  settings.full =
      config.queue.full == QueueFull::kReject ? PoolSettings::Full::kReject : PoolSettings::Full::kWait;
  settings.start_timeout = config.health.start_timeout;
  settings.receipt_timeout = config.health.receipt_timeout;
  settings.kill_timeout = config.health.kill_timeout;
  settings.stop_timeout = stop_timeout;
  settings.backoff_min = config.restart.backoff_min;
  settings.backoff_max = config.restart.backoff_max;
  return settings;
}

Launch to_launch(const PoolConfig& config, WorkerRole role) {
  Launch launch;
  launch.executable = config.executable;
  launch.argv = config.command;
  launch.directory = config.directory;
  launch.batch = config.scheduling == Scheduling::kBatch;
  for (const auto& [name, value] : config.environment) {
    launch.environment.push_back(name + '=');
    launch.environment.back() += value;
  }
  launch.environment.push_back(std::string(kChannelVariable) + "=" + std::to_string(kChannelDescriptor));
  launch.environment.push_back(std::string(kSlotsVariable) + "=" +
                               std::to_string(config.connections_per_worker));
  if (role == WorkerRole::kTemplate) launch.environment.push_back(std::string(kTemplateVariable) + "=1");
  return launch;
}

}  // namespace prefork
