#include "supervisor/clients/client_sign.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

namespace prefork {

static_assert(EPOLLIN == POLLIN && EPOLLRDHUP == POLLRDHUP && EPOLLHUP == POLLHUP && EPOLLERR == POLLERR);

event::ClientSign sign_of(int socket, std::uint32_t events) {
  using event::ClientSign;
  if ((events & EPOLLERR) != 0) return ClientSign::kGone;
  // On a unix socket EPOLLHUP does not tell a client that asked and closed from one that only closed.
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) {
    int unread = 0;
    return ::ioctl(socket, SIOCINQ, &unread) == 0 && unread > 0 ? ClientSign::kAsks : ClientSign::kGone;
  }
  return (events & EPOLLIN) != 0 ? ClientSign::kAsks : ClientSign::kSilent;
}

event::ClientSign look_at(const Fd& socket) {
  pollfd seen{.fd = socket.get(), .events = POLLIN | POLLRDHUP, .revents = 0};
  if (::poll(&seen, 1, 0) <= 0) return event::ClientSign::kSilent;
  return sign_of(socket.get(), static_cast<std::uint16_t>(seen.revents));
}

}  // namespace prefork
