#include "supervisor/clients/client_sign.h"

#include <poll.h>
#include <sys/epoll.h>

#include "supervisor/system/socket.h"

namespace prefork {

static_assert(EPOLLIN == POLLIN && EPOLLRDHUP == POLLRDHUP && EPOLLHUP == POLLHUP && EPOLLERR == POLLERR);

std::optional<event::ClientSign> sign_of(std::uint32_t events) {
  using event::ClientSign;
  if ((events & EPOLLERR) != 0) return ClientSign::kGone;
  // On a unix socket EPOLLHUP does not tell a client that asked and closed from one that only closed.
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) return std::nullopt;
  return (events & EPOLLIN) != 0 ? ClientSign::kAsks : ClientSign::kSilent;
}

event::ClientSign sign_of_unread(bool holds_unread) {
  return holds_unread ? event::ClientSign::kAsks : event::ClientSign::kGone;
}

std::optional<event::ClientSign> glance_at(const Fd& socket) {
  pollfd seen{.fd = socket.get(), .events = POLLIN | POLLRDHUP, .revents = 0};
  if (::poll(&seen, 1, 0) <= 0) return event::ClientSign::kSilent;
  return sign_of(static_cast<std::uint16_t>(seen.revents));
}

event::ClientSign look_at(const Fd& socket) {
  const auto sign = glance_at(socket);
  return sign ? *sign : sign_of_unread(holds_unread(socket));
}

}  // namespace prefork
