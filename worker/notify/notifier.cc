#include "worker/notify/notifier.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <utility>

namespace prefork::notify {
namespace {

/// How often a program that accepts nothing is looked at.
constexpr int kLookAround = 1000;
/// Bounds what a hostile program can make this process hold.
constexpr std::size_t kMostOptions = 64;

bool readable(const pollfd& one) { return (one.revents & (POLLIN | POLLHUP | POLLERR)) != 0; }

}  // namespace

Notifier::Notifier(const accept::Settings& settings, Channel channel, Calls calls, pid_t program,
                   NumberRange numbers)
    : settings_(settings),
      channel_(std::move(channel)),
      calls_(std::move(calls)),
      program_(program),
      numbers_(numbers),
      listeners_(settings_, channel_.descriptor()),
      drain_(settings_, program_) {}

void Notifier::run() {
  while (wait()) {
  }
}

int Notifier::poll() {
  const bool hear = !channel_ended_ && (left_ || !waiting_.empty());
  polled_[0] = {.fd = calls_.descriptor(), .events = POLLIN, .revents = 0};
  polled_[1] = {.fd = program_.end().get(), .events = POLLIN, .revents = 0};
  polled_[2] = {.fd = hear ? channel_.descriptor() : -1, .events = POLLIN, .revents = 0};
  for (std::size_t i = 0; i < others_.size(); ++i)
    polled_[3 + i] = {.fd = others_[i].end.get(), .events = POLLIN, .revents = 0};
  int timeout = hear || channel_ended_ ? -1 : kLookAround;
  if (const auto left = drain_.time_left(); left) timeout = static_cast<int>(left->count());
  return ::poll(polled_.data(), 3 + others_.size(), timeout);
}

bool Notifier::wait() {
  const std::size_t others = others_.size();
  const int ready = poll();
  if (ready < 0) return true;
  if (readable(polled_[1]) || (polled_[0].revents & POLLHUP) != 0) return false;
  if ((polled_[0].revents & POLLIN) != 0) {
    if (const auto call = calls_.receive(); call) answer(*call);
  }
  // What has come for one listener may have been kept for a call that waits at another.
  if (readable(polled_[2]) || (!waiting_.empty() && listeners_.kept() > 0)) serve_waiting();
  for (std::size_t i = others; i-- > 0;) {
    if (readable(polled_[3 + i])) bury(i);
  }
  drain_.look();
  if (ready == 0) look_around();
  return true;
}

void Notifier::answer(const Call& call) {
  const auto descriptor = static_cast<std::uint32_t>(call.data.args[0]);
  switch (call.data.nr) {
    case SYS_close: return answer_close(call);
    case SYS_close_range: return answer_close_range(call);
    case SYS_bind: return answer_bind(call);
    case SYS_accept:
    case SYS_accept4: return answer_accept(call, listeners_.find(descriptor));
    case SYS_listen: return answer_listen(call, listeners_.find(descriptor));
    default: break;
  }
  const BoundListener* bound = listeners_.find(descriptor);
  if (bound != nullptr && has_queue(static_cast<pid_t>(call.pid), descriptor))
    return answer_for_listener(call, *bound);
  int value = 0;
  if (call.data.nr == SYS_setsockopt && call.data.args[1] == IPPROTO_IPV6 &&
      call.data.args[2] == IPV6_V6ONLY && v6_only_.size() < kMostOptions &&
      read_memory(static_cast<pid_t>(call.pid), call.data.args[3], &value, sizeof(value))) {
    v6_only_[descriptor] = value != 0;
  }
  (void)calls_.let_pass(call);
}

}  // namespace prefork::notify
