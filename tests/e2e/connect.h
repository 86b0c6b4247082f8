// Connects where a Client would fail the test: to an address with no listener yet, or no longer.
#pragma once

#include <string>

#include "proto/fd.h"

namespace prefork::test {

/// Connects to HOST:PORT, numeric IPv4; the Fd is not valid if the connection fails. The socket waits at most
/// half a minute to connect, send and receive.
[[nodiscard]] Fd connect_tcp(const std::string& address);
/// The same for a unix socket.
[[nodiscard]] Fd connect_unix(const std::string& path);

}  // namespace prefork::test
