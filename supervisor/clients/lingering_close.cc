#include "supervisor/clients/lingering_close.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "supervisor/system/clock.h"
#include "supervisor/system/socket.h"

namespace prefork {
namespace {

constexpr std::size_t kDiscardAtOnce = std::size_t{64} * 1024;

/// Throws away what has arrived. False when the client has closed or reset.
bool discard(int descriptor) {
  const ssize_t size = ::recv(descriptor, nullptr, kDiscardAtOnce, MSG_TRUNC | MSG_DONTWAIT);
  return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

}  // namespace

Farewell::Farewell(const Loop& loop) : epoll_(::epoll_create1(EPOLL_CLOEXEC)), watcher_(loop), timer_(loop) {
  if (epoll_.valid()) watcher_.start(epoll_.get(), Callback::to<&Farewell::on_readable>(*this));
}

void Farewell::say(Fd socket, std::string_view words) {
  send_last_answer(socket, words);
  await_end(std::move(socket), current_time() + kLinger);
}

void Farewell::await_end(Fd socket, Instant deadline) {
  const int descriptor = socket.get();
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = descriptor}};
  if (!epoll_.valid() || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) < 0) return;
  if (sockets_.size() >= kMax) close(deadlines_.front().second);
  sockets_.insert_or_assign(descriptor, std::move(socket));
  deadlines_.emplace_back(deadline, descriptor);
  if (!timer_.active()) timer_.start(kLinger, Callback::to<&Farewell::on_timer>(*this));
}

std::vector<LingeringCloseState> Farewell::state() const {
  std::vector<LingeringCloseState> all;
  for (const auto& [deadline, descriptor] : deadlines_) {
    if (sockets_.contains(descriptor)) all.push_back({Carried{descriptor}, deadline});
  }
  return all;
}

void Farewell::adopt(const std::vector<LingeringCloseState>& state) {
  for (const LingeringCloseState& one : state) await_end(Fd(static_cast<int>(one.socket)), one.deadline);
}

void Farewell::on_readable() {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
    if (!discard(descriptor)) close(descriptor);
  }
}

void Farewell::on_timer() {
  const Instant now = current_time();
  while (!deadlines_.empty() && deadlines_.front().first <= now) close(deadlines_.front().second);
  if (!deadlines_.empty())
    timer_.start(deadlines_.front().first - now, Callback::to<&Farewell::on_timer>(*this));
}

void Farewell::close(int descriptor) {
  // Out of the epoll first: a worker that holds a copy would keep it firing.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
  sockets_.erase(descriptor);
  std::erase_if(deadlines_, [descriptor](const auto& entry) { return entry.second == descriptor; });
}

}  // namespace prefork
