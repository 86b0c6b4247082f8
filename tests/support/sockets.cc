#include "tests/support/sockets.h"

#include <doctest/doctest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "tests/support/eventually.h"

namespace prefork::test {

Fd connect_to(const ListenSocket& socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  REQUIRE(::getsockname(socket.descriptor(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
  Fd client(::socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&name), size) < 0) client.reset();
  return client;
}

Fd accept_from(const ListenSocket& socket) {
  // connect() may return a moment before the connection can be accepted.
  pollfd state{.fd = socket.descriptor(), .events = POLLIN, .revents = 0};
  (void)::poll(&state, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count()));
  return Fd(::accept4(socket.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
}

TcpPair tcp_pair() {
  ListenAddress address;
  address.host = "127.0.0.1";
  auto listening = ListenSocket::open(address);
  REQUIRE(listening.ok());
  TcpPair pair{connect_to(listening.value()), Fd()};
  pair.server = accept_from(listening.value());
  REQUIRE(pair.client.valid());
  REQUIRE(pair.server.valid());
  return pair;
}

void await_unread(const Fd& socket, std::size_t size) {
  eventually("bytes to read", [&] {
    int unread = 0;
    return ::ioctl(socket.get(), SIOCINQ, &unread) == 0 && static_cast<std::size_t>(unread) >= size;
  });
}

void await_hang_up(const Fd& socket) {
  pollfd state{.fd = socket.get(), .events = POLLRDHUP, .revents = 0};
  REQUIRE(::poll(&state, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) == 1);
}

void reset_connection(Fd& socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
  socket.reset();
}

void send_all(const Fd& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    REQUIRE(sent > 0);
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

ReceivedText receive_all(const Fd& socket) {
  ReceivedText received;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) received.error = errno;
    if (size <= 0) return received;
    received.text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace prefork::test
