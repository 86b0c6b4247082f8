// The event loop and its watchers. A watcher is a member of the object that it calls back, placed after the
// descriptor that it watches, so that it stops before the descriptor closes. Watchers neither copy nor move.
#pragma once

#include <ev.h>

#include "supervisor/core/ids.h"
#include "supervisor/loop/callback.h"
#include "supervisor/loop/event_loop.h"

namespace prefork {

/// The common base of ReadWatcher and WriteWatcher. A descriptor that the kernel refuses to watch is no
/// event: the watcher tries again a little later.
class DescriptorWatcher {
 public:
  DescriptorWatcher(const DescriptorWatcher&) = delete;
  DescriptorWatcher& operator=(const DescriptorWatcher&) = delete;

  /// The descriptor must stay open until stop().
  void start(int descriptor, Callback callback);
  void stop();
  /// Watches no more for a tenth of a second, and then again: for an event that is to be asked for anew.
  void pause();
  [[nodiscard]] bool active() const {
    return ev_is_active(&watcher_) || ev_is_active(&again_) || ev_is_pending(&again_);
  }

 protected:
  DescriptorWatcher(const Loop& loop, int events) : loop_(loop.native()), events_(events) {}
  ~DescriptorWatcher() { stop(); }

 private:
  static void on_event(struct ev_loop* loop, ev_io* watcher, int events) noexcept;
  static void on_pause_over(struct ev_loop* loop, ev_timer* timer, int events) noexcept;

  struct ev_loop* loop_;
  int events_;
  ev_io watcher_{};
  ev_timer again_{};  ///< active during a pause
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

/// Calls back once at a time on the monotonic clock; in a turn of the loop, after all descriptors.
class TimerWatcher {
 public:
  explicit TimerWatcher(const Loop& loop) : loop_(loop.native()) {}
  ~TimerWatcher() { stop(); }
  TimerWatcher(const TimerWatcher&) = delete;
  TimerWatcher& operator=(const TimerWatcher&) = delete;

  /// Replaces the delay and the callback of an earlier start.
  void start(Duration delay, Callback callback);
  void stop();
  /// It will call back: the delay is not over, or it is and the callback comes later in this turn.
  [[nodiscard]] bool active() const { return ev_is_active(&watcher_) || ev_is_pending(&watcher_); }

 private:
  struct ev_loop* loop_;
  ev_timer watcher_{};
  Callback callback_;
};

/// Calls back when a signal has come; several of one number in a short time are one call.
class SignalWatcher {
 public:
  explicit SignalWatcher(const Loop& loop) : signals_(loop.signals()) {}
  ~SignalWatcher() { stop(); }
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  void start(int number, Callback callback);
  void stop();  ///< gives the signal its default action

 private:
  Signals& signals_;
  int number_ = 0;  ///< 0: none
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
