// What the core needs to know of a pool's configuration. Plain values; io/pool_settings makes them from a
// Config.
#pragma once

#include <cstddef>
#include <cstdint>

#include "supervisor/core/ids.h"

namespace prefork {

struct PoolSettings {
  enum class Start { kExec, kFork };
  enum class Prefer { kLongestIdle, kWarmest };
  enum class Hold { kReceipt, kDone };
  enum class Full { kWait, kReject };

  std::size_t workers = 1;
  std::uint32_t slots = 1;  ///< connections a worker may have at a time
  Start start = Start::kExec;
  Prefer prefer = Prefer::kLongestIdle;
  Hold hold = Hold::kReceipt;

  std::size_t queue_max = 1024;  ///< at least 1
  Duration queue_timeout = std::chrono::seconds(30);
  Full full = Full::kWait;

  Duration start_timeout = std::chrono::seconds(60);
  Duration receipt_timeout = std::chrono::seconds(10);
  Duration kill_timeout = std::chrono::seconds(5);
  Duration stop_timeout = std::chrono::seconds(30);

  Duration backoff_min = std::chrono::milliseconds(100);
  Duration backoff_max = std::chrono::seconds(30);
};

}  // namespace prefork
