// The part of a pool's configuration that the core needs. Plain values; pool/pool_settings makes them from a
// Config.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "supervisor/core/choices.h"
#include "supervisor/core/ids.h"

namespace prefork {

struct PoolSettings {
  /// Connections that workers give back between two requests: the supervisor watches them, and the next
  /// request goes to the worker that is least busy then.
  struct KeepAlive {
    Duration idle_timeout = std::chrono::seconds(60);
    std::size_t max = 0;  ///< parked at a time; the one parked longest makes room; 0: any number
  };

  /// Lets the number of workers follow the load.
  struct Elastic {
    std::size_t min = 0;
    std::size_t spare = 1;        ///< idle workers to keep
    std::size_t spawn_rate = 64;  ///< starts a second, at most; at least 1
    Duration idle_timeout = std::chrono::seconds(60);
  };
  /// When a worker that works well is replaced. 0: never.
  struct Recycle {
    std::uint64_t connections = 0;
    double jitter = 0.1;  ///< at random up to this part is added to connections and age
    Duration age{};
    std::uint64_t rss = 0;    ///< bytes
    std::size_t at_once = 1;  ///< at least 1
  };
  /// What the first worker of a new generation must achieve before the generation takes over.
  struct Probation {
    Duration time = std::chrono::seconds(1);
    std::uint64_t connections = 1;
  };
  std::size_t workers = 1;  ///< with `elastic`: the largest number
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
  HalfClosed half_closed = HalfClosed::kClose;
  std::uint32_t per_address = 0;  ///< connections that one client address may have at a time; 0: any number
  Duration queue_target = std::chrono::milliseconds(20);  ///< kAdaptive: longest wait in a queue that drains

  /// Set: a connection wants a worker when its client has sent something.
  std::optional<Duration> first_byte_timeout;
  std::optional<KeepAlive> keep_alive;  ///< set: workers may park connections; needs Hold::kDone

  Duration start_timeout = std::chrono::seconds(60);
  Duration receipt_timeout = std::chrono::seconds(10);
  Duration kill_timeout = std::chrono::seconds(5);
  Duration stop_timeout = std::chrono::seconds(30);
  Duration busy_timeout{};   ///< from Busy or the last Progress to Idle; 0: no limit
  Duration ping_interval{};  ///< an idle worker is pinged after this time; 0: never
  Duration ping_timeout = std::chrono::seconds(5);
  KillSignal stuck_signal = KillSignal::kTerminate;  ///< the first signal for a worker that is stuck

  Recycle recycle;
  Probation probation;

  Duration backoff_min = std::chrono::milliseconds(100);
  Duration backoff_max = std::chrono::seconds(30);
};

}  // namespace prefork
