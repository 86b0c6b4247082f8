// Runs the events of one pool through its core, one at a time and in order, has the core's actions carried
// out, and wakes the core at its next deadline. Decides nothing, and carries out nothing itself. PoolRunner
// owns it.
#pragma once

#include <chrono>
#include <vector>

#include "supervisor/core/action.h"
#include "supervisor/core/event.h"
#include "supervisor/core/pool.h"
#include "supervisor/loop/core_event_sink.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class EventPump final : public CoreEventSink {
 public:
  /// Carries out the core's actions.
  class Performer {
   public:
    virtual ~Performer() = default;
    /// What the action brings to light is told as a further event. Must not destroy the pump.
    virtual void perform(const Action& action) = 0;
  };

  EventPump(const Loop& loop, Pool& pool, Performer& performer);

  /// Inside perform() the event is queued, and handled before the outer tell() returns.
  void tell(const Event& event) override;

 private:
  /// A deadline that is noticed so late may be lifted by what is unread. One datagram of each worker is read
  /// in a turn of the loop, so for some turns more is heard before the deadline is judged.
  static constexpr Duration kLate = std::chrono::milliseconds(100);
  static constexpr int kTurns = 64;

  void on_timer();
  void arm_timer(Instant now);
  [[nodiscard]] bool hears_first(Instant deadline, Instant now);

  Pool& pool_;
  Performer& performer_;
  Actions actions_;
  std::vector<Event> events_;  ///< told and not yet handled, in order
  bool handling_ = false;
  TimerWatcher timer_;
  Instant timer_at_;
  bool heard_ = false;  ///< an event, since the last deadline that was due
  int turns_ = 0;       ///< that the present deadline has waited
};

}  // namespace prefork
