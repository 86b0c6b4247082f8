// Reports the supervisor's state to systemd: ready, reloading, stopping; every ten seconds a summary of the
// pools; and the watchdog's sign of life. Never waits for systemd: while it does not read, a change of state
// is sent again until it is taken, and everything else is dropped and counted. Does nothing if systemd did
// not start the supervisor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "supervisor/control/status.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/log.h"
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
    /// Each of these pools has a ready worker, or is to have none.
    [[nodiscard]] virtual bool serves() const = 0;
  };

  ServiceReporter(const Loop& loop, Log& log, const Subject& supervisor)
      : log_(log), supervisor_(supervisor), timer_(loop), retry_(loop) {}

  /// Reports the state from now on, and that the supervisor is ready as soon as it serves.
  void begin();
  /// Looks whether it serves now.
  void look();
  // For an upgrade in place: whether it has ever been ready.
  [[nodiscard]] bool ready() const { return ready_; }
  void adopt(bool ready) { ready_ = ready; }
  // A reload before the supervisor is ready is not reported: for systemd it is still being started.
  void reloading();
  /// Whether the reload was applied or refused.
  void reloaded();
  /// From now on only the sign of life is sent. `extend`: systemd gives the stop so much time, if that is
  /// more than TimeoutStopSec.
  void stopping(Duration extend = Duration::zero());

 private:
  static constexpr Duration kInterval = std::chrono::seconds(10);
  static constexpr Duration kIntervalAtStart = std::chrono::seconds(1);
  static constexpr Duration kRetry = std::chrono::seconds(1);
  /// Changes of state that wait: two reloads and the end. Older ones mean nothing any more.
  static constexpr std::size_t kMaxUnsent = 5;

  /// A change of state.
  void tell(std::string notification);
  void tell_ready();
  void send_unsent();
  /// False: systemd does not read. The first such failure and the end of it are logged.
  bool send(const std::string& notification);
  void report();
  /// Sends the sign of life and arms the timer for the next report().
  void report_alive();

  Log& log_;
  const Subject& supervisor_;
  bool begun_ = false;
  bool ready_ = false;
  bool stopping_ = false;
  std::deque<std::string> unsent_;  ///< changes of state, the oldest first
  bool heard_ = true;               ///< systemd has taken the last notification
  std::uint64_t dropped_ = 0;       ///< since then
  TimerWatcher timer_;
  TimerWatcher retry_;
};

}  // namespace prefork
