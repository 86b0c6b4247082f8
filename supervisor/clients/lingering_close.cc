#include "supervisor/clients/lingering_close.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "supervisor/system/clock.h"
#include "supervisor/system/socket.h"

namespace prefork {
namespace {

constexpr std::size_t kDiscardPerCall = std::size_t{64} * 1024;

/// Discards what has arrived. False: the client has closed or reset the connection.
bool discard(int descriptor) {
  const ssize_t size = ::recv(descriptor, nullptr, kDiscardPerCall, MSG_TRUNC | MSG_DONTWAIT);
  return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

}  // namespace

LingeringClose::LingeringClose(const Loop& loop)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), watcher_(loop), timer_(loop) {
  if (epoll_.valid()) watcher_.start(epoll_.get(), Callback::to<&LingeringClose::on_readable>(*this));
}

void LingeringClose::start(Fd socket, std::string_view reply) {
  send_last_answer(socket, reply);
  await_client_close(std::move(socket), current_time() + kTimeout);
}

void LingeringClose::await_client_close(Fd socket, Instant deadline) {
  const int descriptor = socket.get();
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = descriptor}};
  if (!epoll_.valid() || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) < 0) return;
  if (sockets_.size() >= kMaxPending) close(deadlines_.front().second);
  sockets_.insert_or_assign(descriptor, std::move(socket));
  deadlines_.emplace_back(deadline, descriptor);
  if (!timer_.active()) timer_.start(kTimeout, Callback::to<&LingeringClose::on_timer>(*this));
}

std::vector<LingeringCloseState> LingeringClose::state() const {
  std::vector<LingeringCloseState> all;
  for (const auto& [deadline, descriptor] : deadlines_) {
    if (sockets_.contains(descriptor)) all.push_back({Carried{descriptor}, deadline});
  }
  return all;
}

void LingeringClose::adopt(const std::vector<LingeringCloseState>& state) {
  for (const LingeringCloseState& one : state)
    await_client_close(Fd(static_cast<int>(one.socket)), one.deadline);
}

void LingeringClose::on_readable() {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
    if (!discard(descriptor)) close(descriptor);
  }
}

void LingeringClose::on_timer() {
  const Instant now = current_time();
  while (!deadlines_.empty() && deadlines_.front().first <= now) close(deadlines_.front().second);
  if (!deadlines_.empty())
    timer_.start(deadlines_.front().first - now, Callback::to<&LingeringClose::on_timer>(*this));
}

void LingeringClose::close(int descriptor) {
  // Removed from the epoll first: while a worker holds a copy of the socket, the epoll would go on reporting
  // it.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
  sockets_.erase(descriptor);
  std::erase_if(deadlines_, [descriptor](const auto& entry) { return entry.second == descriptor; });
}

}  // namespace prefork
