// Tells the service manager how the supervisor is: that it is ready, reloads or stops, every few seconds what
// its pools do, and that it lives. Where nobody listens, nothing.
#pragma once

#include "supervisor/control/operations.h"
#include "supervisor/core/ids.h"
#include "supervisor/io/loop.h"

namespace prefork {

class ServiceReporter {
 public:
  /// `supervisor` is asked for its status only.
  ServiceReporter(const Loop& loop, const Operations& supervisor) : supervisor_(supervisor), timer_(loop) {}

  /// It is ready; from now on its state is told again and again.
  void begin();
  void reloading() const;
  /// Whatever came of it.
  void reloaded() const;
  void stopping() const;

 private:
  static constexpr Duration kInterval = std::chrono::seconds(10);

  void tell();

  const Operations& supervisor_;
  TimerWatcher timer_;
};

}  // namespace prefork
