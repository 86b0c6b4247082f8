// The event loop: libev, with ownership. It is not libev's default loop: that one handles SIGCHLD and reaps
// every child.
#pragma once

#include <ev.h>

#include <memory>

#include "supervisor/loop/callback.h"
#include "supervisor/loop/turn_meter.h"

namespace prefork {

class Signals;

class Loop {
 public:
  /// Aborts when the kernel refuses: the supervisor cannot run without a loop.
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Returns after stop().
  void run();
  /// Handles the events that have happened, signals included, and does not wait.
  void run_once();
  void stop();
  /// For SignalWatcher.
  [[nodiscard]] Signals& signals() const { return *signals_; }
  [[nodiscard]] struct ev_loop* native() const { return loop_; }
  /// How long its turns take.
  [[nodiscard]] TurnMeter& turns() { return turns_; }
  [[nodiscard]] const TurnMeter& turns() const { return turns_; }

  /// `callback` is called when the kernel refuses to watch a descriptor (epoll_ctl(2): memory or
  /// fs.epoll.max_user_watches is short). The descriptor's watcher tries again by itself.
  void on_refusal(Callback callback) { refused_ = callback; }
  /// For watchers: the kernel has refused one.
  static void refused(struct ev_loop* loop);

 private:
  struct ev_loop* loop_;
  std::unique_ptr<Signals> signals_;
  TurnMeter turns_;
  Callback refused_;
};

}  // namespace prefork
