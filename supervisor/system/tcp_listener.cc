#include "supervisor/system/tcp_listener.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace prefork {
namespace {

constexpr int kIdleSeconds = 60;
constexpr int kProbeEverySeconds = 15;
constexpr int kProbes = 4;

int option_of(int socket, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool is_tcp(int socket) { return option_of(socket, SO_PROTOCOL) == IPPROTO_TCP; }

void set_tcp(int socket, int option, int value) {
  (void)::setsockopt(socket, IPPROTO_TCP, option, &value,
                     sizeof(value));  // on failure a vanished client is not noticed
}

}  // namespace

void notice_dead_clients(int listener) {
  if (!is_tcp(listener) || option_of(listener, SO_KEEPALIVE) != 0) return;
  // Accepted sockets inherit these, which saves a call for each connection and option.
  const int on = 1;
  (void)::setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  set_tcp(listener, TCP_KEEPIDLE, kIdleSeconds);
  set_tcp(listener, TCP_KEEPINTVL, kProbeEverySeconds);
  set_tcp(listener, TCP_KEEPCNT, kProbes);
}

std::optional<Backlog> backlog_of(int listener) {
  if (!is_tcp(listener)) return {};
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return {};
  // Of a listening socket these two count connections, not segments.
  return Backlog{.waiting = info.tcpi_unacked, .limit = info.tcpi_sacked};
}

}  // namespace prefork
