// The time between the request to stop and the beginning of the stop ("stop_delay"), in which everything goes
// on as before. The Supervisor begins it and says what follows.
#pragma once

#include <optional>

#include "supervisor/loop/callback.h"
#include "supervisor/loop/loop.h"
#include "supervisor/system/clock.h"

namespace prefork {

class StopDelay {
 public:
  explicit StopDelay(const Loop& loop) : timer_(loop) {}

  /// `over` is called when the delay has passed, but not after end().
  void begin(Duration delay, Callback over) {
    until_ = current_time() + delay;
    timer_.start(delay, over);
  }
  void end() {
    until_.reset();
    timer_.stop();
  }
  [[nodiscard]] bool runs() const { return until_.has_value(); }
  /// Nothing: it does not run.
  [[nodiscard]] std::optional<Duration> left(Instant now) const {
    if (!until_) return std::nullopt;
    return *until_ > now ? *until_ - now : Duration::zero();
  }

 private:
  std::optional<Instant> until_;
  TimerWatcher timer_;
};

}  // namespace prefork
