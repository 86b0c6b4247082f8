#include "worker/notify/drain.h"

#include <algorithm>
#include <csignal>

namespace prefork::notify {
namespace {

/// The program may write its log after it has closed its last connection.
constexpr std::chrono::milliseconds kTimeToLog{100};

}  // namespace

void Drain::begin(std::size_t connections) {
  if (begun_) return;
  begun_ = true;
  // Without a handler the signal would cut what is in progress.
  if (connections == 0 || (settings_.drain_now && program_.handles(settings_.drain_signal))) signal();
}

void Drain::on_end(std::size_t connections) {
  if (begun_ && !signalled_ && connections == 0) due_ = std::chrono::steady_clock::now() + kTimeToLog;
}

std::optional<std::chrono::milliseconds> Drain::time_left() const {
  if (!due_) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due_ - std::chrono::steady_clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

void Drain::look() {
  if (due_ && std::chrono::steady_clock::now() >= *due_) signal();
}

void Drain::signal() {
  due_.reset();
  if (signalled_) return;
  signalled_ = true;
  // A signal that is ignored would not end it.
  const bool ignored = program_.ignores(settings_.drain_signal) ||
                       (settings_.drain_signal == SIGWINCH && !program_.handles(SIGWINCH));
  program_.signal(ignored ? SIGKILL : settings_.drain_signal);
}

}  // namespace prefork::notify
