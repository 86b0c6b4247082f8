#include "tests/support/traps.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "proto/passing.h"
#include "tests/support/sockets.h"

namespace prefork::test {

SlowToClose::SlowToClose() {
  TcpPair pair = tcp_pair();
  socket = std::move(pair.server);
  peer = std::move(pair.client);
  const std::string bytes(std::size_t{64} * 1024, 'z');
  while (::send(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
  const linger wait{.l_onoff = 1, .l_linger = 20};
  REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)) == 0);
}

bool send_with_descriptor(const Fd& socket, const Fd& attached) {
  const std::array<std::byte, 1> bytes{};
  return send_passing(socket.get(), bytes, attached.get(), MSG_DONTWAIT) == 1;
}

}  // namespace prefork::test
