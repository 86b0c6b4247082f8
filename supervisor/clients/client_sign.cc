#include "supervisor/clients/client_sign.h"

#include <poll.h>
#include <sys/epoll.h>

#include "supervisor/system/socket.h"

namespace prefork {

static_assert(EPOLLIN == POLLIN && EPOLLRDHUP == POLLRDHUP && EPOLLHUP == POLLHUP && EPOLLERR == POLLERR);

Glance glance_of(std::uint32_t events) {
  using event::ClientSign;
  if ((events & EPOLLERR) != 0) return {ClientSign::kGone};
  // EPOLLHUP: a unix client has closed. It does not tell one that asked and closed from one that only closed.
  if ((events & EPOLLHUP) != 0) return {ClientSign::kGone, /*needs_unread=*/true};
  if ((events & EPOLLRDHUP) != 0) return {ClientSign::kEnded, /*needs_unread=*/true};
  return {(events & EPOLLIN) != 0 ? ClientSign::kAsks : ClientSign::kSilent};
}

Glance glance_at(const Fd& socket) {
  pollfd seen{.fd = socket.get(), .events = POLLIN | POLLRDHUP, .revents = 0};
  if (::poll(&seen, 1, 0) <= 0) return {};
  return glance_of(static_cast<std::uint16_t>(seen.revents));
}

event::ClientSign look_at(const Fd& socket) {
  const Glance glance = glance_at(socket);
  return glance.with_unread(glance.needs_unread && holds_unread(socket));
}

}  // namespace prefork
