// The children of the supervisor that no pool reaps by itself. Reaps strangers: processes that a worker has
// left behind, which become children of the supervisor when the worker dies. Reports children that a signal
// has stopped or continued. Counts the kills of the kernel's out-of-memory killer while they happen.
//
// It never reaps a child that the owner knows: workers, spawners and the program of an upgrade are reaped
// through their pidfds, each where it is known what its death means.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "supervisor/core/ids.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/system/oom_counter.h"

namespace prefork {

class Reaper {
 public:
  /// How long a sweep waits after a SIGCHLD: most deaths are of known children.
  static constexpr Duration kSweepDelay = std::chrono::seconds(1);

  class Owner {
   public:
    virtual ~Owner() = default;
    /// Handles the spawner's answers that have come: they name children.
    virtual void hear_of_children() = 0;
    /// A child may exist that the owner cannot name yet. No stranger is reaped meanwhile.
    [[nodiscard]] virtual bool awaits_children() const = 0;
    /// This child is reaped elsewhere.
    [[nodiscard]] virtual bool knows_child(pid_t pid) const = 0;
    /// A signal has stopped a child, or continued it. It may be a stranger.
    virtual void child_stopped(pid_t pid, bool stopped) = 0;
  };

  Reaper(const Loop& loop, Log& log, OomCounter& oom, Owner& owner);

  /// Begins to look for out-of-memory kills. SIGCHLD is handled from the construction on.
  void begin();
  /// As if a SIGCHLD had come: after an upgrade in place, when one may have been lost.
  void look();
  [[nodiscard]] std::uint64_t strangers_reaped() const { return strangers_reaped_; }
  /// Goes on counting, after an upgrade in place.
  void count_from(std::uint64_t strangers_reaped) { strangers_reaped_ = strangers_reaped; }

 private:
  void report_stopped();
  void sweep();
  void look_for_oom_kills();

  Log& log_;
  OomCounter& oom_;
  Owner& owner_;
  std::uint64_t strangers_reaped_ = 0;
  SignalWatcher child_;
  TimerWatcher sweep_timer_;
  TimerWatcher oom_timer_;
};

}  // namespace prefork
