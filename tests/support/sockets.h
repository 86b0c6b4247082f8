// Connected sockets for tests: both ends are in this process, over real TCP.
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

/// Connects a blocking client; the Fd is not valid if the connection fails.
[[nodiscard]] Fd connect_to(const ListenSocket& socket);
/// Accepts a connection from the backlog of `socket`; the Fd is not valid if the backlog is empty.
[[nodiscard]] Fd accept_from(const ListenSocket& socket);

/// Waits until `size` bytes can be read from the socket.
void await_unread(const Fd& socket, std::size_t size);
/// Waits until the peer's end of sending, or a reset, has arrived.
void await_hang_up(const Fd& socket);
/// Closes with a reset.
void reset_connection(Fd& socket);

void send_all(const Fd& socket, std::string_view text);

struct ReceivedText {
  std::string text;
  int error = 0;  ///< the errno at the end; 0: a clean end of file
};
/// All bytes until the end.
[[nodiscard]] ReceivedText receive_all(const Fd& socket);

}  // namespace prefork::test
