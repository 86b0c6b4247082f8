// What the kernel does for a listening TCP socket, and says of it.
#pragma once

#include <cstdint>
#include <optional>

namespace prefork {

/// Connections that the kernel has completed and nobody has accepted yet.
struct Backlog {
  std::uint32_t waiting = 0;
  std::uint32_t limit = 0;  ///< beyond it clients are not answered, and try again a second later
};

/// Lets the kernel end connections, accepted from now on, whose client is gone without a word and to whom
/// nothing is to be sent: after two minutes. Does nothing to other sockets, and to one that has SO_KEEPALIVE
/// already.
void notice_dead_clients(int listener);
/// Nothing for other sockets.
[[nodiscard]] std::optional<Backlog> backlog_of(int listener);

}  // namespace prefork
