// Logs that the kernel refuses to watch descriptors.
#pragma once

#include <optional>

#include "supervisor/core/ids.h"
#include "supervisor/loop/event_loop.h"
#include "supervisor/loop/log.h"

namespace prefork {

class WatchRefusals {
 public:
  WatchRefusals(Loop& loop, Log& log);
  WatchRefusals(const WatchRefusals&) = delete;
  WatchRefusals& operator=(const WatchRefusals&) = delete;

 private:
  static constexpr Duration kInterval = std::chrono::seconds(10);

  void on_refusal();

  Log& log_;
  std::optional<Instant> logged_at_;
};

}  // namespace prefork
