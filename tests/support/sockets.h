// Connected sockets for tests: both ends in this process, over the kernel's real TCP.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/fd.h"
#include "supervisor/listen/listen_socket.h"

namespace prefork::test {

struct TcpPair {
  Fd client;
  Fd server;
};
[[nodiscard]] TcpPair tcp_pair();

/// Connects a blocking client; the Fd is not valid when nobody answers.
[[nodiscard]] Fd connect_to(const ListenSocket& socket);
/// Accepts the connection that waits at `socket`; the Fd is not valid when none does.
[[nodiscard]] Fd accept_from(const ListenSocket& socket);

/// Waits until `size` bytes can be read from the socket.
void await_unread(const Fd& socket, std::size_t size);
/// Waits until the socket has seen the end of what its peer sends, or a reset.
void await_hang_up(const Fd& socket);
/// Closes with a reset.
void reset_connection(Fd& socket);

void send_all(const Fd& socket, std::string_view text);

struct Received {
  std::string text;
  int error = 0;  ///< errno that ended it; 0: a clean end of file
};
/// All there is until the end.
[[nodiscard]] Received receive_all(const Fd& socket);

}  // namespace prefork::test
