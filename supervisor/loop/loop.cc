#include "supervisor/loop/loop.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "supervisor/loop/signals.h"
#include "supervisor/system/clock.h"

namespace prefork {
namespace {

// libev passes the watcher; its `data` is the Callback to call. The callback is copied first: it may destroy
// the watcher.
template <typename Watcher>
void call_back(struct ev_loop* /*loop*/, Watcher* watcher, int /*events*/) noexcept {
  const Callback callback = *static_cast<const Callback*>(watcher->data);
  callback();
}

TurnMeter& turns_of(struct ev_loop* loop) { return static_cast<Loop*>(ev_userdata(loop))->turns(); }

// libev calls these right before and right after it asks the kernel for events.
void before_poll(struct ev_loop* loop) noexcept { turns_of(loop).end(current_time()); }
void after_poll(struct ev_loop* loop) noexcept { turns_of(loop).begin(current_time()); }

// libev cannot go on without a new epoll descriptor. It wants one after an event of a descriptor that is
// closed here and open in another process. It asks again when this returns; without this it would end the
// program.
void before_another_attempt(const char* /*call*/) noexcept {
  const timespec moment{0, 10'000'000};
  (void)::nanosleep(&moment, nullptr);
}

}  // namespace

Loop::Loop() : loop_(ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV)) {
  if (loop_ == nullptr) {
    (void)std::fputs("supervisor: cannot create an event loop\n", stderr);
    std::abort();
  }
  ev_set_userdata(loop_, this);
  ev_set_syserr_cb(before_another_attempt);
  ev_set_loop_release_cb(loop_, before_poll, after_poll);
  signals_ = std::make_unique<Signals>(*this);
}

Loop::~Loop() {
  signals_.reset();
  ev_loop_destroy(loop_);
}

void Loop::run() { ev_run(loop_, 0); }
void Loop::run_once() {
  signals_->deliver();
  ev_run(loop_, EVRUN_NOWAIT);
}
void Loop::stop() { ev_break(loop_, EVBREAK_ALL); }
void Loop::refused(struct ev_loop* loop) { static_cast<const Loop*>(ev_userdata(loop))->refused_(); }

void DescriptorWatcher::start(int descriptor, Callback callback) {
  stop();
  callback_ = callback;
  ev_io_init(&watcher_, on_event, descriptor, events_);
  watcher_.data = this;
  ev_io_start(loop_, &watcher_);
}

void DescriptorWatcher::stop() {
  ev_io_stop(loop_, &watcher_);
  ev_timer_stop(loop_, &again_);
}

void DescriptorWatcher::pause() {
  stop();
  constexpr double kPause = 0.1;
  ev_timer_init(&again_, on_pause_over, kPause, 0.);
  again_.data = this;
  ev_timer_start(loop_, &again_);
}

void DescriptorWatcher::on_pause_over(struct ev_loop* loop, ev_timer* timer, int /*events*/) noexcept {
  ev_io_start(loop, &static_cast<DescriptorWatcher*>(timer->data)->watcher_);
}

void DescriptorWatcher::on_event(struct ev_loop* loop, ev_io* watcher, int events) noexcept {
  auto& self = *static_cast<DescriptorWatcher*>(watcher->data);
  if ((events & EV_ERROR) != 0) {
    // libev has stopped the watcher, and says that it is readable and writable, which it is not.
    self.pause();
    return Loop::refused(loop);
  }
  const Callback callback = self.callback_;
  callback();
}

void TimerWatcher::start(Duration delay, Callback callback) {
  stop();
  callback_ = callback;
  // The loop's time is that of its last wake-up: after a slow callback the delay would be too short.
  ev_now_update(loop_);
  const std::chrono::duration<double> seconds = std::max(delay, Duration::zero());
  ev_timer_init(&watcher_, call_back<ev_timer>, seconds.count(), 0.);
  // After all descriptors of the same turn: what has come in time may be why a deadline does not count.
  ev_set_priority(&watcher_, -1);
  watcher_.data = &callback_;
  ev_timer_start(loop_, &watcher_);
}

void TimerWatcher::stop() { ev_timer_stop(loop_, &watcher_); }

void SignalWatcher::start(int number, Callback callback) {
  stop();
  number_ = number;
  signals_.start(number, callback);
}

void SignalWatcher::stop() {
  if (number_ != 0) signals_.stop(std::exchange(number_, 0));
}

void BeforeSleepWatcher::start(Callback callback) {
  callback_ = callback;
  ev_prepare_init(&watcher_, call_back<ev_prepare>);
  watcher_.data = &callback_;
  ev_prepare_start(loop_, &watcher_);
}

BeforeSleepWatcher::~BeforeSleepWatcher() { ev_prepare_stop(loop_, &watcher_); }

}  // namespace prefork
