// Connecting where a Client would fail the test: to what may not listen yet, or not any more.
#pragma once

#include <string>

#include "proto/fd.h"

namespace prefork::test {

/// Connects to HOST:PORT, numeric IPv4; the Fd is not valid when nobody listens there. Waits half a minute at
/// most, when it connects, sends and receives.
[[nodiscard]] Fd connect_tcp(const std::string& address);
/// The same for a unix socket.
[[nodiscard]] Fd connect_unix(const std::string& path);

}  // namespace prefork::test
