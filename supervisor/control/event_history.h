// Numbers what happens and remembers the latest of it, so that who subscribes a moment late, or comes back
// after a lost connection, can catch up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "supervisor/control/control_event.h"

namespace prefork {

class EventHistory {
 public:
  static constexpr std::size_t kKept = 512;

  /// The reference is good until the next call.
  const NumberedEvent& add(ControlEvent event, WallTime at);
  /// The next one gets a larger number than this: at an upgrade in place.
  void count_from(std::uint64_t last) { last_ = last; }
  /// The number of the latest event; 0: there was none.
  [[nodiscard]] std::uint64_t last() const { return last_; }

  /// Calls `take(event)` for each event after number `seq` that is still known, oldest first.
  template <typename Take>
  void for_each_since(std::uint64_t seq, Take take) const {
    for (const NumberedEvent& event : kept_) {
      if (event.seq > seq) take(event);
    }
  }

 private:
  std::deque<NumberedEvent> kept_;
  std::uint64_t last_ = 0;
};

}  // namespace prefork
