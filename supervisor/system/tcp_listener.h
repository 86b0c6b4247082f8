// Options and counters of a listening TCP socket.
#pragma once

#include <cstdint>
#include <optional>

namespace prefork {

/// Connections that the kernel has completed and that are not accepted yet.
struct Backlog {
  std::uint32_t waiting = 0;
  std::uint32_t limit = 0;  ///< beyond it clients get no answer, and try again a second later
};

/// Makes the kernel end a connection, accepted from now on, two minutes after its client has vanished without
/// a FIN or RST, while nothing is to be sent. Does nothing to other sockets, nor to one that has SO_KEEPALIVE
/// already.
void notice_dead_clients(int listener);
/// Nothing for other sockets.
[[nodiscard]] std::optional<Backlog> backlog_of(int listener);

}  // namespace prefork
