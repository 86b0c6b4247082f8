#include "supervisor/loop/loop.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace prefork {
namespace {

// libev passes the watcher; its `data` is the Callback to call. The callback is copied first: it may destroy
// the watcher.
template <typename Watcher>
void call_back(struct ev_loop* /*loop*/, Watcher* watcher, int /*events*/) noexcept {
  const Callback callback = *static_cast<const Callback*>(watcher->data);
  callback();
}

}  // namespace

Loop::Loop() : loop_(ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV)) {
  if (loop_ == nullptr) {
    (void)std::fputs("supervisor: cannot create an event loop\n", stderr);
    std::abort();
  }
}

Loop::~Loop() { ev_loop_destroy(loop_); }
void Loop::run() { ev_run(loop_, 0); }
void Loop::run_once() { ev_run(loop_, EVRUN_NOWAIT); }
void Loop::stop() { ev_break(loop_, EVBREAK_ALL); }

void DescriptorWatcher::start(int descriptor, Callback callback) {
  stop();
  callback_ = callback;
  ev_io_init(&watcher_, call_back<ev_io>, descriptor, events_);
  watcher_.data = &callback_;
  ev_io_start(loop_, &watcher_);
}

void DescriptorWatcher::stop() { ev_io_stop(loop_, &watcher_); }

void TimerWatcher::start(Duration delay, Callback callback) {
  stop();
  callback_ = callback;
  // The loop's time is that of its last wake-up: after a slow callback the delay would be too short.
  ev_now_update(loop_);
  const std::chrono::duration<double> seconds = std::max(delay, Duration::zero());
  ev_timer_init(&watcher_, call_back<ev_timer>, seconds.count(), 0.);
  watcher_.data = &callback_;
  ev_timer_start(loop_, &watcher_);
}

void TimerWatcher::stop() { ev_timer_stop(loop_, &watcher_); }

void SignalWatcher::start(int signal, Callback callback) {
  callback_ = callback;
  ev_signal_init(&watcher_, call_back<ev_signal>, signal);
  watcher_.data = &callback_;
  ev_signal_start(loop_, &watcher_);
}

SignalWatcher::~SignalWatcher() { ev_signal_stop(loop_, &watcher_); }

void BeforeSleepWatcher::start(Callback callback) {
  callback_ = callback;
  ev_prepare_init(&watcher_, call_back<ev_prepare>);
  watcher_.data = &callback_;
  ev_prepare_start(loop_, &watcher_);
}

BeforeSleepWatcher::~BeforeSleepWatcher() { ev_prepare_stop(loop_, &watcher_); }

}  // namespace prefork
