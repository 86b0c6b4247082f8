// What the supervisor sees of a client's socket, and sets on it, without reading from it.
#include "supervisor/system/socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>
#include <string>
#include <thread>

#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;

template <typename T>
T option(const Fd& socket, int level, int name) {
  T value{};
  socklen_t size = sizeof(value);
  REQUIRE(::getsockopt(socket.get(), level, name, &value, &size) == 0);
  return value;
}

void read_one_byte(const Fd& socket) {
  char byte = 0;
  REQUIRE(::recv(socket.get(), &byte, 1, 0) == 1);
}

TEST_CASE("a connection is untouched while no byte is read from it or written to it") {
  TcpPair pair = tcp_pair();
  CHECK(traffic_of(pair.server).untouched());
  SUBCASE("bytes that wait unread do not matter") {
    send_all(pair.client, "hello");
    await_unread(pair.server, 5);
    CHECK(traffic_of(pair.server).untouched());
  }
  SUBCASE("nor that the client has finished after them") {
    send_all(pair.client, "hello");
    REQUIRE(::shutdown(pair.client.get(), SHUT_WR) == 0);
    await_unread(pair.server, 5);
    await_hang_up(pair.server);
    CHECK(traffic_of(pair.server).untouched());
  }
  SUBCASE("nor that it has finished without a word") {
    REQUIRE(::shutdown(pair.client.get(), SHUT_WR) == 0);
    await_hang_up(pair.server);
    CHECK(traffic_of(pair.server).untouched());
  }
}

TEST_CASE("FAULTS 529: bytes that arrive while it is looked at do not make a connection look touched") {
  const TcpPair pair = tcp_pair();
  std::thread client([&] {
    const std::string piece(16, 'x');
    while (::send(pair.client.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
    }
  });
  for (int i = 0; i < 20'000; ++i) REQUIRE(traffic_of(pair.server).untouched());
  client.join();
}

TEST_CASE("a connection is touched as soon as one byte is read or sent, or it is reset") {
  TcpPair pair = tcp_pair();
  send_all(pair.client, "hello");
  await_unread(pair.server, 5);
  SUBCASE("one byte read") { read_one_byte(pair.server); }
  SUBCASE("one byte read, and the client has finished") {
    read_one_byte(pair.server);
    REQUIRE(::shutdown(pair.client.get(), SHUT_WR) == 0);
    await_hang_up(pair.server);
  }
  SUBCASE("one byte sent") { send_all(pair.server, "x"); }
  SUBCASE("reset") {
    reset_connection(pair.client);
    await_hang_up(pair.server);
  }
  SUBCASE("its sending half shut down") { REQUIRE(::shutdown(pair.server.get(), SHUT_WR) == 0); }
  CHECK_FALSE(traffic_of(pair.server).untouched());
}

TEST_CASE("a connection that was answered before counts from there") {
  TcpPair pair = tcp_pair();
  send_all(pair.client, "hello");
  await_unread(pair.server, 5);
  for (int i = 0; i < 5; ++i) read_one_byte(pair.server);
  send_all(pair.server, "answer");
  send_all(pair.client, "again");
  await_unread(pair.server, 5);
  const Progress before = progress_of(pair.server);
  CHECK(before.consumed == 5);
  CHECK(before.sent == 6);
  CHECK(traffic_of(pair.server, before).untouched());
  CHECK_FALSE(traffic_of(pair.server).untouched());
  SUBCASE("more comes, and the client has finished") {
    send_all(pair.client, "more");
    REQUIRE(::shutdown(pair.client.get(), SHUT_WR) == 0);
    await_unread(pair.server, 9);
    await_hang_up(pair.server);
    CHECK(traffic_of(pair.server, before).untouched());
  }
  SUBCASE("one byte read") {
    read_one_byte(pair.server);
    CHECK(traffic_of(pair.server, before).consumed);
    CHECK_FALSE(traffic_of(pair.server, before).sent);
  }
  SUBCASE("one byte sent") {
    send_all(pair.server, "x");
    CHECK_FALSE(traffic_of(pair.server, before).consumed);
    CHECK(traffic_of(pair.server, before).sent);
  }
  SUBCASE("reset") {
    reset_connection(pair.client);
    await_hang_up(pair.server);
    CHECK_FALSE(traffic_of(pair.server, before).untouched());
  }
}

TEST_CASE("an answer that is still on its way when the next request comes is no part of the next answer") {
  const TcpPair pair = tcp_pair();
  // More than a client takes unread.
  std::size_t left = std::size_t{1} << 20;
  send_all(pair.server, std::string(left, 'x'));
  const Progress before = progress_of(pair.server);
  CHECK(before.sent == left);
  SUBCASE("all of it arrives, and nothing more") {
    std::string buffer(std::size_t{1} << 20, ' ');
    while (left > 0) {
      const ssize_t size = ::recv(pair.client.get(), buffer.data(), buffer.size(), 0);
      REQUIRE(size > 0);
      left -= static_cast<std::size_t>(size);
    }
    CHECK(traffic_of(pair.server, before).untouched());
  }
  SUBCASE("a byte is written behind it, which cannot be sent yet") {
    REQUIRE(::send(pair.server.get(), "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1);
    CHECK(traffic_of(pair.server, before).sent);
  }
}

TEST_CASE("a unix connection is never said to be untouched: it has no counters") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const Fd one(ends[0]);
  const Fd other(ends[1]);
  CHECK_FALSE(traffic_of(one).untouched());
}

TEST_CASE("FAULTS 26: what a worker has set on the connection is undone before another gets it") {
  const TcpPair pair = tcp_pair();
  const int on = 1;
  const int many = 1000;
  const linger long_time{.l_onoff = 1, .l_linger = 100};
  const timeval moment{.tv_sec = 0, .tv_usec = 1000};
  REQUIRE(::fcntl(pair.server.get(), F_SETFL, O_NONBLOCK | O_ASYNC) == 0);
  REQUIRE(::setsockopt(pair.server.get(), SOL_SOCKET, SO_LINGER, &long_time, sizeof(long_time)) == 0);
  REQUIRE(::setsockopt(pair.server.get(), SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment)) == 0);
  REQUIRE(::setsockopt(pair.server.get(), SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof(moment)) == 0);
  REQUIRE(::setsockopt(pair.server.get(), SOL_SOCKET, SO_RCVLOWAT, &many, sizeof(many)) == 0);
  REQUIRE(::setsockopt(pair.server.get(), IPPROTO_TCP, TCP_CORK, &on, sizeof(on)) == 0);
  restore_defaults(pair.server);
  CHECK((::fcntl(pair.server.get(), F_GETFL) & (O_NONBLOCK | O_ASYNC)) == 0);
  CHECK(option<linger>(pair.server, SOL_SOCKET, SO_LINGER).l_onoff == 0);
  CHECK(option<timeval>(pair.server, SOL_SOCKET, SO_RCVTIMEO).tv_usec == 0);
  CHECK(option<timeval>(pair.server, SOL_SOCKET, SO_SNDTIMEO).tv_usec == 0);
  CHECK(option<int>(pair.server, SOL_SOCKET, SO_RCVLOWAT) == 1);
  CHECK(option<int>(pair.server, IPPROTO_TCP, TCP_CORK) == 0);
}

TEST_CASE("FAULTS 26: closing does not wait for the linger time that a worker has set") {
  TcpPair pair = tcp_pair();
  const linger long_time{.l_onoff = 1, .l_linger = 30};
  REQUIRE(::setsockopt(pair.server.get(), SOL_SOCKET, SO_LINGER, &long_time, sizeof(long_time)) == 0);
  // More than the client's side takes unread, so that something is left to linger for.
  const std::string much(std::size_t{16} << 20, 'x');
  REQUIRE(::send(pair.server.get(), much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0);
  disarm_linger(pair.server);
  const auto begin = std::chrono::steady_clock::now();
  pair.server.reset();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("the peer of a connection has a name") {
  const TcpPair pair = tcp_pair();
  CHECK(peer_name(pair.server).starts_with("127.0.0.1:"));
  CHECK(peer_name(Fd()) == "unknown");
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const Fd one(ends[0]);
  const Fd other(ends[1]);
  CHECK(peer_name(one) == "a unix socket");
  ListenAddress address;
  address.host = "::1";
  auto six = ListenSocket::open(address);
  REQUIRE(six.ok());
  const Fd client = connect_to(six.value());
  CHECK(peer_name(accept_from(six.value())).starts_with("[::1]:"));
}

TEST_CASE("a last answer reaches the client, and then the end of the connection") {
  const TcpPair pair = tcp_pair();
  send_last_answer(pair.server, "busy\n");
  const ReceivedText received = receive_all(pair.client);
  CHECK(received.text == "busy\n");
  CHECK(received.error == 0);
}

TEST_CASE("a client's address is a number, the same for all its connections, and a unix socket has none") {
  const TcpPair first = tcp_pair();
  const TcpPair second = tcp_pair();
  CHECK(client_address(first.server) == 0x7f000001);
  CHECK(client_address(second.server) == client_address(first.server));
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const Fd one(ends[0]);
  const Fd other(ends[1]);
  CHECK(client_address(one) == kNoAddress);
}

}  // namespace
}  // namespace prefork
