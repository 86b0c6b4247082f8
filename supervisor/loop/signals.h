// Signals as events of a loop: a handler notes the number and wakes the loop by an eventfd. libev's own
// watchers of signals are not used: libev aborts when a signal comes while the kernel refuses to watch its
// pipe, or when no descriptor is free for that. A SignalWatcher registers here; a number belongs to one loop
// at a time.
#pragma once

#include <array>
#include <csignal>
#include <optional>

#include "proto/fd.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class Signals {
 public:
  explicit Signals(const Loop& loop) : watcher_(loop), again_(loop) {}

  void start(int number, Callback callback);
  void stop(int number);
  /// Calls back for the signals that have come.
  void deliver();

 private:
  void open();

  Fd event_;  ///< not valid before the first start(), and while no descriptor is free
  ReadWatcher watcher_;
  TimerWatcher again_;  ///< to open it
  std::array<std::optional<Callback>, NSIG> callbacks_{};
};

}  // namespace prefork
