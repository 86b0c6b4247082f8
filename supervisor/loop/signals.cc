#include "supervisor/loop/signals.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace prefork {
namespace {

constexpr Duration kOpenAgain = std::chrono::milliseconds(100);

// For the handler. An eventfd that is not there yet is -1: what has come is delivered within kOpenAgain.
volatile std::sig_atomic_t signal_has_come[NSIG];
volatile std::sig_atomic_t event_of_signal[NSIG];

void on_signal(int number) {
  const int before = errno;
  signal_has_come[number] = 1;
  const std::uint64_t one = 1;
  (void)!::write(event_of_signal[number], &one,
                 sizeof(one));  // fails only if the loop is awake for it anyway
  errno = before;
}

void set_handler(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  (void)::sigaction(number, &action, nullptr);
}

}  // namespace

void Signals::start(int number, Callback callback) {
  callbacks_[static_cast<std::size_t>(number)] = callback;
  if (!event_.valid() && !again_.active()) open();
  signal_has_come[number] = 0;
  event_of_signal[number] = event_.get();
  set_handler(number, on_signal);
}

void Signals::stop(int number) {
  set_handler(number, SIG_DFL);
  callbacks_[static_cast<std::size_t>(number)].reset();
  if (std::any_of(callbacks_.begin(), callbacks_.end(), [](const auto& one) { return one.has_value(); }))
    return;
  watcher_.stop();
  again_.stop();
  event_.reset();
}

void Signals::open() {
  event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_.valid()) {
    // Perhaps it is denied for ever: then signals are looked for by this timer.
    again_.start(kOpenAgain, Callback::to<&Signals::open>(*this));
    return deliver();
  }
  for (std::size_t number = 0; number < callbacks_.size(); ++number) {
    if (callbacks_[number]) event_of_signal[number] = event_.get();
  }
  watcher_.start(event_.get(), Callback::to<&Signals::deliver>(*this));
  deliver();
}

void Signals::deliver() {
  eventfd_t count = 0;
  // Before the numbers are looked at: a signal that comes meanwhile wakes the loop once more.
  if (event_.valid()) (void)::eventfd_read(event_.get(), &count);
  for (std::size_t number = 0; number < callbacks_.size(); ++number) {
    if (signal_has_come[number] == 0 || !callbacks_[number]) continue;
    signal_has_come[number] = 0;
    const Callback callback = *callbacks_[number];
    callback();
  }
}

}  // namespace prefork
