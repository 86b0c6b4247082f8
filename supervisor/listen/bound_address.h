// The address that a socket is bound to, as numbers: what a program must bind to get the connections of that
// socket. Asks the kernel only.
#pragma once

#include <cstdint>
#include <string>

namespace prefork {

struct BoundAddress {
  /// `127.0.0.1:8080`, `[::]:8080`, `unix:/path`, `unix:@name`; in a unix socket's name `%`, `,` and bytes
  /// that are not printable ASCII are %XX. Empty: the socket has no such address.
  std::string text;
  std::string host;        ///< of a TCP socket, without brackets
  std::uint16_t port = 0;  ///< of a TCP socket
};

[[nodiscard]] BoundAddress bound_address(int socket);

}  // namespace prefork
