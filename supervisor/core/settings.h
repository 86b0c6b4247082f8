// What the core needs to know of a pool's configuration. Plain values; pool/pool_settings makes them from a
// Config.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "supervisor/core/choices.h"
#include "supervisor/core/ids.h"

namespace prefork {

struct PoolSettings {
  /// What workers give back between two requests is watched here and goes to whoever is least busy then.
  struct KeepAlive {
    Duration idle_timeout = std::chrono::seconds(60);
    std::size_t max = 0;  ///< parked at a time, where the one parked the longest makes room; 0: any number
  };

  /// What makes the number of workers follow the load.
  struct Elastic {
    std::size_t min = 0;
    std::size_t spare = 1;        ///< idle workers to keep
    std::size_t spawn_rate = 64;  ///< starts a second, at most; at least 1
    Duration idle_timeout = std::chrono::seconds(60);
  };
  /// When a worker is replaced though nothing is wrong with it. 0: never.
  struct Recycle {
    std::uint64_t connections = 0;
    double jitter = 0.1;  ///< up to this part more, at random, of connections and age
    Duration age{};
    std::uint64_t rss = 0;    ///< bytes
    std::size_t at_once = 1;  ///< at least 1
  };
  /// What the first worker of a new generation must stand before it takes over.
  struct Probation {
    Duration time = std::chrono::seconds(1);
    std::uint64_t connections = 1;
  };
  std::size_t workers = 1;  ///< with `elastic`: at most
  std::optional<Elastic> elastic;
  std::uint32_t slots = 1;  ///< connections a worker may have at a time
  StartForm start = StartForm::kExec;
  Prefer prefer = Prefer::kLongestIdle;
  Hold hold = Hold::kReceipt;

  std::size_t queue_max = 1024;  ///< at least 1
  Duration queue_timeout = std::chrono::seconds(30);
  QueueFull full = QueueFull::kWait;
  QueueOrder order = QueueOrder::kFifo;
  QueueFairness fairness = QueueFairness::kNone;
  std::uint32_t per_address = 0;  ///< connections that one client address may have at a time; 0: any number
  Duration queue_target = std::chrono::milliseconds(20);  ///< kAdaptive: how long it may stand

  std::optional<Duration>
      first_byte_timeout;               ///< set: a connection wants a worker when it has sent something
  std::optional<KeepAlive> keep_alive;  ///< set: workers may park connections; needs Hold::kDone

  Duration start_timeout = std::chrono::seconds(60);
  Duration receipt_timeout = std::chrono::seconds(10);
  Duration kill_timeout = std::chrono::seconds(5);
  Duration stop_timeout = std::chrono::seconds(30);
  Duration busy_timeout{};   ///< from Busy or the last Progress to Idle; 0: for ever
  Duration ping_interval{};  ///< how long a worker may rest unasked; 0: for ever
  Duration ping_timeout = std::chrono::seconds(5);
  KillSignal stuck_signal = KillSignal::kTerminate;  ///< what a worker that is stuck gets first

  Recycle recycle;
  Probation probation;

  Duration backoff_min = std::chrono::milliseconds(100);
  Duration backoff_max = std::chrono::seconds(30);
};

}  // namespace prefork
