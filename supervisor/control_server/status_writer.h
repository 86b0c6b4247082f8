// Writes the status table to the log on request (SIGUSR1): at most ten tables a second at any rate of
// requests. The last request is always answered. A table is written piece by piece, and other lines of the
// log may stand between.
#pragma once

#include <optional>

#include "supervisor/control/operations.h"
#include "supervisor/control/status_table.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class StatusWriter {
 public:
  /// Only the status of `supervisor` is used.
  StatusWriter(const Loop& loop, Log& log, const Operations& supervisor)
      : log_(log), supervisor_(supervisor), timer_(loop) {}

  void request();

  // For an upgrade in place.
  [[nodiscard]] Instant last() const { return last_; }
  [[nodiscard]] bool due() const { return timer_.active(); }
  void adopt(Instant last, bool due);

 private:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);

  void write_after(Duration delay);
  void write();
  void write_next();

  Log& log_;
  const Operations& supervisor_;
  Instant last_;                      ///< when the last table was begun
  std::optional<StatusTable> table_;  ///< what is left of it to write
  bool again_ = false;                ///< another table is wanted after it
  TimerWatcher timer_;
};

}  // namespace prefork
