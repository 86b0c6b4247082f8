// Reports the supervisor's state to systemd: ready, reloading, stopping; every ten seconds a summary of the
// pools; and the watchdog's sign of life. Does nothing if systemd did not start the supervisor.
#pragma once

#include <vector>

#include "supervisor/control/status.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class ServiceReporter {
 public:
  /// The supervisor that it reports on.
  class Subject {
   public:
    virtual ~Subject() = default;
    /// One for each pool of the configuration.
    [[nodiscard]] virtual std::vector<PoolSummary> pool_summaries() const = 0;
  };

  ServiceReporter(const Loop& loop, const Subject& supervisor) : supervisor_(supervisor), timer_(loop) {}

  /// Reports that the supervisor is ready, and from now on its state at intervals.
  void begin();
  void reloading() const;
  /// Whether the reload was applied or refused.
  void reloaded() const;
  /// From now on only the sign of life is sent.
  void stopping();

 private:
  static constexpr Duration kInterval = std::chrono::seconds(10);

  void report();
  /// Sends the sign of life and arms the timer for the next report().
  void report_alive();

  const Subject& supervisor_;
  bool stopping_ = false;
  TimerWatcher timer_;
};

}  // namespace prefork
