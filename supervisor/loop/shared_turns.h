// A share of the event loop's time for several members that take turns: the output of all workers, the
// answers to all clients of the control socket, the deaths of workers. A member that finds no time left waits
// in line.
#pragma once

#include <deque>

#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"
#include "supervisor/loop/time_share.h"

namespace prefork {

class SharedTurns {
 public:
  class Member {
   public:
    /// One short step of the work. The member must not be destroyed meanwhile.
    virtual void step() = 0;

   protected:
    ~Member() = default;
  };

  /// All members together get one part in `parts` of the time.
  explicit SharedTurns(const Loop& loop, int parts = 5) : loop_(loop), share_(parts), timer_(loop) {}

  /// True: step() was called. False: it is called when it is the member's turn, and once. Inside a
  /// step() it is always false.
  bool request(Member& member);
  /// The member does not wait any more.
  void forget(const Member& member);
  /// Work that cannot wait has taken this processor time.
  void spent(Duration time) { share_.spent(time); }
  /// So much of it has been done at once that even what cannot wait has to be short.
  [[nodiscard]] bool overdrawn() { return !available() && share_.left() <= -5 * TimeShare::kMost; }

 private:
  [[nodiscard]] bool available() { return share_.available(loop_.turns().began()); }
  void serve();
  void let_work(Member& member);

  const Loop& loop_;
  std::deque<Member*> waiting_;
  TimeShare share_;
  bool working_ = false;  ///< inside a step()
  TimerWatcher timer_;
};

}  // namespace prefork
