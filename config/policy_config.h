// The rules of a pool, by subject: queue, health, restarts, keep-alive, elastic size, recycling, probation.
// Parts of PoolConfig (config/config.h); docs/configuration.md explains the keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "config/duration.h"
#include "supervisor/core/choices.h"

namespace prefork {

struct QueueConfig {
  std::size_t max = 1024;
  Milliseconds timeout{30'000};
  QueueOrder order = QueueOrder::kFifo;
  QueueFairness fairness = QueueFairness::kNone;
  Milliseconds target{20};  ///< kAdaptive: while the oldest connection waits longer, the queue is standing
  HalfClosed half_closed = HalfClosed::kClose;
  QueueFull full = QueueFull::kWait;
  std::string
      reject_with;  ///< bytes for a connection that is rejected; empty: it is closed without an answer
  bool operator==(const QueueConfig&) const = default;
};

struct HealthConfig {
  Milliseconds start_timeout{60'000};              ///< from the start of a worker to its Ready
  Milliseconds receipt_timeout{10'000};            ///< from dispatch to Busy
  Milliseconds kill_timeout{5'000};                ///< from SIGTERM to SIGKILL
  std::optional<Milliseconds> busy_timeout = {};   ///< from Busy, or the last Progress, to Idle
  std::optional<Milliseconds> ping_interval = {};  ///< idle time of a worker before a Ping
  Milliseconds ping_timeout{5'000};
  KillSignal kill_signal = KillSignal::kTerminate;  ///< the first signal for a stuck worker, before SIGKILL
  bool operator==(const HealthConfig&) const = default;
};

struct RestartConfig {
  Milliseconds backoff_min{100};
  Milliseconds backoff_max{30'000};
  bool operator==(const RestartConfig&) const = default;
};

/// Connections that are kept for further requests.
struct KeepAliveConfig {
  bool park = false;  ///< workers give connections back between two requests
  Milliseconds idle_timeout{60'000};
  std::size_t max = 0;  ///< maximum of parked connections; 0: limited by descriptors only
  bool operator==(const KeepAliveConfig&) const = default;
};

/// A number of workers that follows the load; PoolConfig::workers is the maximum.
struct ElasticConfig {
  unsigned min = 1;
  unsigned spare = 1;        ///< idle workers to keep; without the key 0 if min is 0
  unsigned spawn_rate = 64;  ///< maximum of starts per second
  Milliseconds idle_timeout{60'000};
  bool operator==(const ElasticConfig&) const = default;
};

/// When to replace a worker that has no fault.
struct RecycleConfig {
  std::uint64_t connections = 0;  ///< served; 0: never
  unsigned jitter = 10;           ///< percent: the maximum that chance adds to connections and age
  std::optional<Milliseconds> age = {};
  std::uint64_t rss = 0;  ///< bytes of resident memory; 0: never
  unsigned at_once = 1;
  bool operator==(const RecycleConfig&) const = default;
};

/// The trial of the first worker of a new generation, before the others follow.
struct ProbationConfig {
  Milliseconds time{1'000};
  unsigned connections = 1;
  bool operator==(const ProbationConfig&) const = default;
};

}  // namespace prefork
