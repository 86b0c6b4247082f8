// Listening TCP sockets: what the kernel does for them, and tells of them.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "config/listen_address.h"
#include "supervisor/listen/listen_socket.h"
#include "supervisor/system/tcp_listener.h"
#include "tests/support/eventually.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;

ListenAddress address_of(const std::string& text) { return parse_listen_address(text).value(); }

ListenSocket opened(const ListenAddress& address) {
  auto socket = ListenSocket::open(address);
  if (!socket) FAIL(socket.error().message());
  return std::move(socket).value();
}

ListenSocket opened(const std::string& text) { return opened(address_of(text)); }

int option(const Fd& socket, int level, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  REQUIRE(::getsockopt(socket.get(), level, name, &value, &size) == 0);
  return value;
}

TEST_CASE("FAULTS 51: the kernel notices TCP clients that vanish, also at a listener that was handed over") {
  Fd handed_over(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::listen(handed_over.get(), 1) == 0);
  auto activated = ListenSocket::activated(address_of("systemd:web"), std::move(handed_over));
  REQUIRE(activated.ok());
  ListenSocket own = opened("127.0.0.1:0");
  for (const ListenSocket* listener : {&own, &activated.value()}) {
    const Fd client = connect_to(*listener);
    const Fd accepted = accept_from(*listener);
    CHECK(option(accepted, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(accepted, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
    CHECK(option(accepted, IPPROTO_TCP, TCP_KEEPINTVL) == 15);
    CHECK(option(accepted, IPPROTO_TCP, TCP_KEEPCNT) == 4);
  }
}

TEST_CASE("a socket that was handed over with times of its own keeps them") {
  Fd handed_over(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const int idle = 7;
  REQUIRE(::setsockopt(handed_over.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0);
  REQUIRE(::setsockopt(handed_over.get(), IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) == 0);
  REQUIRE(::listen(handed_over.get(), 1) == 0);
  auto activated = ListenSocket::activated(address_of("systemd:web"), std::move(handed_over));
  REQUIRE(activated.ok());
  const Fd client = connect_to(activated.value());
  const Fd accepted = accept_from(activated.value());
  CHECK(option(accepted, IPPROTO_TCP, TCP_KEEPIDLE) == 7);
}

TEST_CASE("FAULTS 53: a TCP listener knows how many wait in its backlog, and how many may") {
  ListenAddress address = address_of("127.0.0.1:0");
  address.backlog = 2;
  const ListenSocket listener = opened(address);
  CHECK(backlog_of(listener.descriptor())->waiting == 0);
  CHECK(backlog_of(listener.descriptor())->limit == 2);
  std::vector<Fd> clients;
  clients.reserve(3);
  for (int i = 0; i < 3; ++i) clients.push_back(connect_to(listener));
  eventually("three wait", [&] { return backlog_of(listener.descriptor())->waiting == 3; });
  const Fd accepted = accept_from(listener);
  CHECK(backlog_of(listener.descriptor())->waiting == 2);
  CHECK_FALSE(backlog_of(opened("unix:@" + std::to_string(::getpid()) + "-backlog").descriptor()));
}

}  // namespace
}  // namespace prefork
