// The children of the supervisor that no pool reaps by itself. Has strangers reaped (StrangerSweep). Reports
// children that a signal has stopped or continued. Counts the kills of the kernel's out-of-memory killer
// while they happen.
//
// Workers, spawners and the program of an upgrade are reaped through their pidfds, each where it is known
// what its death means.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "supervisor/app/stranger_sweep.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/loop/time_share.h"
#include "supervisor/system/oom_counter.h"

namespace prefork {

class Reaper {
 public:
  class Owner : public StrangerSweep::Owner {
   public:
    /// A signal has stopped a child, or continued it. It may be a stranger.
    virtual void child_stopped(pid_t pid, bool stopped) = 0;
    /// Asks the kernel about each known worker, whether a signal has stopped or continued it.
    virtual void look_for_stopped_workers() = 0;
  };

  Reaper(const Loop& loop, Log& log, OomCounter& oom, Owner& owner);

  /// Begins to look for out-of-memory kills. SIGCHLD is handled from the construction on.
  void begin();
  /// As if a SIGCHLD had come: after an upgrade in place, when one may have been lost.
  void look();
  [[nodiscard]] std::uint64_t strangers_reaped() const { return sweep_.reaped(); }
  /// Goes on counting, after an upgrade in place.
  void count_from(std::uint64_t strangers_reaped) { sweep_.count_from(strangers_reaped); }

 private:
  void report_stopped();
  bool report_one();
  void on_rest_over();
  void look_for_oom_kills();

  const Loop& loop_;
  OomCounter& oom_;
  Owner& owner_;
  StrangerSweep sweep_;
  /// A stranger decides how often it is stopped and continued.
  TimeShare stops_share_{10};
  SignalWatcher child_;
  TimerWatcher stops_timer_;
  TimerWatcher oom_timer_;
};

}  // namespace prefork
