// Tells the service manager how the supervisor is: that it is ready, reloads or stops, every few seconds what
// its pools do, and that it lives. Where nobody listens, nothing.
#pragma once

#include <vector>

#include "supervisor/control/status.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class ServiceReporter {
 public:
  /// Whom it speaks of.
  class Subject {
   public:
    virtual ~Subject() = default;
    /// Those that the configuration names.
    [[nodiscard]] virtual std::vector<PoolSummary> pool_summaries() const = 0;
  };

  ServiceReporter(const Loop& loop, const Subject& supervisor) : supervisor_(supervisor), timer_(loop) {}

  /// It is ready; from now on its state is told again and again.
  void begin();
  void reloading() const;
  /// Whatever came of it.
  void reloaded() const;
  /// From now on it is only told that it lives.
  void stopping();

 private:
  static constexpr Duration kInterval = std::chrono::seconds(10);

  void tell();
  /// It lives; and tell() in a while.
  void go_on();

  const Subject& supervisor_;
  bool stopping_ = false;
  TimerWatcher timer_;
};

}  // namespace prefork
