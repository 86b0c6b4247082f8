// The event loop and its watchers: libev, with ownership. A watcher is a member of what it watches for,
// placed after the descriptor it watches, so that it stops before the descriptor closes. Watchers neither
// copy nor move.
//
// A loop of our own and not libev's default one: that takes SIGCHLD and reaps every child.
#pragma once

#include <ev.h>

#include "supervisor/core/ids.h"
#include "supervisor/loop/callback.h"

namespace prefork {

class Loop {
 public:
  /// Aborts when the kernel refuses: without a loop there is nothing to be done.
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Until stop().
  void run();
  /// Handles what has happened up to now, signals included, and waits for nothing.
  void run_once();
  void stop();
  [[nodiscard]] struct ev_loop* native() const { return loop_; }

 private:
  struct ev_loop* loop_;
};

/// What ReadWatcher and WriteWatcher have in common.
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

/// Calls back while a descriptor takes something.
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

  /// Replaces what was armed before.
  void start(Duration delay, Callback callback);
  void stop();
  [[nodiscard]] bool active() const { return ev_is_active(&watcher_); }

 private:
  struct ev_loop* loop_;
  ev_timer watcher_{};
  Callback callback_;
};

/// Calls back when a signal has come; several of a kind in a short time are one.
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

/// Calls back after the events at hand have been handled and before the loop sleeps. The place to destroy
/// what may not be destroyed inside its own callback.
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
