// The event loop and its watchers: libev, with ownership. A watcher is a member of the object that it calls
// back, placed after the descriptor that it watches, so that it stops before the descriptor closes. Watchers
// neither copy nor move.
//
// The loop is not libev's default loop: that one handles SIGCHLD and reaps every child.
#pragma once

#include <ev.h>

#include "supervisor/core/ids.h"
#include "supervisor/loop/callback.h"
#include "supervisor/loop/turn_meter.h"

namespace prefork {

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
  [[nodiscard]] struct ev_loop* native() const { return loop_; }
  /// How long its turns take.
  [[nodiscard]] TurnMeter& turns() { return turns_; }
  [[nodiscard]] const TurnMeter& turns() const { return turns_; }

 private:
  struct ev_loop* loop_;
  TurnMeter turns_;
};

/// The common base of ReadWatcher and WriteWatcher.
class DescriptorWatcher {
 public:
  DescriptorWatcher(const DescriptorWatcher&) = delete;
  DescriptorWatcher& operator=(const DescriptorWatcher&) = delete;

  /// The descriptor must stay open until stop().
  void start(int descriptor, Callback callback);
  void stop();
  [[nodiscard]] bool active() const { return ev_is_active(&watcher_); }

 protected:
  DescriptorWatcher(const Loop& loop, int events) : loop_(loop.native()), events_(events) {}
  ~DescriptorWatcher() { stop(); }

 private:
  struct ev_loop* loop_;
  int events_;
  ev_io watcher_{};
  Callback callback_;
};

/// Calls back while a descriptor is readable.
class ReadWatcher : public DescriptorWatcher {
 public:
  explicit ReadWatcher(const Loop& loop) : DescriptorWatcher(loop, EV_READ) {}
};

/// Calls back while a descriptor is writable.
class WriteWatcher : public DescriptorWatcher {
 public:
  explicit WriteWatcher(const Loop& loop) : DescriptorWatcher(loop, EV_WRITE) {}
};

/// Calls back once at a time on the monotonic clock.
class TimerWatcher {
 public:
  explicit TimerWatcher(const Loop& loop) : loop_(loop.native()) {}
  ~TimerWatcher() { stop(); }
  TimerWatcher(const TimerWatcher&) = delete;
  TimerWatcher& operator=(const TimerWatcher&) = delete;

  /// Replaces the delay and the callback of an earlier start.
  void start(Duration delay, Callback callback);
  void stop();
  [[nodiscard]] bool active() const { return ev_is_active(&watcher_); }

 private:
  struct ev_loop* loop_;
  ev_timer watcher_{};
  Callback callback_;
};

/// Calls back when a signal has come; several of one number in a short time are one call.
class SignalWatcher {
 public:
  explicit SignalWatcher(const Loop& loop) : loop_(loop.native()) {}
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  void start(int signal, Callback callback);

 private:
  struct ev_loop* loop_;
  ev_signal watcher_{};
  Callback callback_;
};

/// Calls back after the pending events have been handled and before the loop sleeps: the place to destroy
/// objects that may not be destroyed inside their own callback.
class BeforeSleepWatcher {
 public:
  explicit BeforeSleepWatcher(const Loop& loop) : loop_(loop.native()) {}
  ~BeforeSleepWatcher();
  BeforeSleepWatcher(const BeforeSleepWatcher&) = delete;
  BeforeSleepWatcher& operator=(const BeforeSleepWatcher&) = delete;

  void start(Callback callback);

 private:
  struct ev_loop* loop_;
  ev_prepare watcher_{};
  Callback callback_;
};

}  // namespace prefork
