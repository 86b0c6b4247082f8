// What a client does, seen without reading: it asks, is silent and may ask yet, or is gone.
#include "supervisor/clients/client_sign.h"

#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;
using event::ClientSign;

std::pair<Fd, Fd> unix_pair() {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

void finish(const Fd& client) { REQUIRE(::shutdown(client.get(), SHUT_WR) == 0); }

TEST_CASE("a TCP client that has sent nothing is silent, one that has sent something asks") {
  TcpPair pair = tcp_pair();
  CHECK(look_at(pair.server) == ClientSign::kSilent);
  send_all(pair.client, "x");
  await_unread(pair.server, 1);
  CHECK(look_at(pair.server) == ClientSign::kAsks);
  char byte = 0;
  REQUIRE(::recv(pair.server.get(), &byte, 1, 0) == 1);
  CHECK(look_at(pair.server) == ClientSign::kSilent);
}

TEST_CASE("FAULTS 49: a TCP client that has ended without a request has ended; one that was reset is gone") {
  TcpPair pair = tcp_pair();
  ClientSign sign = ClientSign::kGone;
  SUBCASE("ended") {
    finish(pair.client);
    sign = ClientSign::kEnded;
  }
  SUBCASE("closed, which looks the same") {
    pair.client.reset();
    sign = ClientSign::kEnded;
  }
  SUBCASE("reset") { reset_connection(pair.client); }
  SUBCASE("reset after a request") {
    send_all(pair.client, "hello");
    await_unread(pair.server, 5);
    reset_connection(pair.client);
  }
  await_hang_up(pair.server);
  CHECK(look_at(pair.server) == sign);
}

TEST_CASE("FAULTS 50: a TCP client that has ended after its request still asks") {
  TcpPair pair = tcp_pair();
  send_all(pair.client, "hello");
  SUBCASE("it waits for the answer") { finish(pair.client); }
  SUBCASE("it has closed, which looks the same") { pair.client.reset(); }
  await_hang_up(pair.server);
  CHECK(look_at(pair.server) == ClientSign::kAsks);
}

TEST_CASE("a TCP client that has ended after its request and then resets is gone") {
  TcpPair pair = tcp_pair();
  send_all(pair.client, "hello");
  finish(pair.client);
  await_hang_up(pair.server);
  reset_connection(pair.client);
  eventually("the reset arrives", [&] { return look_at(pair.server) == ClientSign::kGone; });
}

TEST_CASE("FAULTS 49 and 50: clients of unix sockets are told apart in the same way") {
  auto [client, server] = unix_pair();
  CHECK(look_at(server) == ClientSign::kSilent);
  SUBCASE("it ends without a request") {
    finish(client);
    CHECK(look_at(server) == ClientSign::kEnded);
  }
  SUBCASE("it ends after a request") {
    send_all(client, "hello");
    finish(client);
    CHECK(look_at(server) == ClientSign::kAsks);
  }
  SUBCASE("it asks") {
    send_all(client, "hello");
    CHECK(look_at(server) == ClientSign::kAsks);
  }
  SUBCASE("it has closed after a request: what it sent may be all it wanted, as over TCP") {
    send_all(client, "hello");
    client.reset();
    CHECK(look_at(server) == ClientSign::kAsks);
  }
  SUBCASE("it has closed") {
    client.reset();
    CHECK(look_at(server) == ClientSign::kGone);
  }
}

TEST_CASE("the events of a watch are judged as they were reported") {
  CHECK(glance_of(0).sign == ClientSign::kSilent);
  CHECK(glance_of(EPOLLIN).sign == ClientSign::kAsks);
  CHECK_FALSE(glance_of(EPOLLIN).needs_unread);
  CHECK(glance_of(EPOLLERR).sign == ClientSign::kGone);
  CHECK_FALSE(glance_of(EPOLLERR | EPOLLIN | EPOLLRDHUP).needs_unread);
  const Glance ended = glance_of(EPOLLIN | EPOLLRDHUP);
  CHECK(ended.needs_unread);
  CHECK(ended.with_unread(true) == ClientSign::kAsks);
  CHECK(ended.with_unread(false) == ClientSign::kEnded);
  const Glance closed = glance_of(EPOLLIN | EPOLLRDHUP | EPOLLHUP);
  CHECK(closed.needs_unread);
  CHECK(closed.with_unread(true) == ClientSign::kAsks);
  CHECK(closed.with_unread(false) == ClientSign::kGone);
}

}  // namespace
}  // namespace prefork
