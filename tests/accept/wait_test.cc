// epoll: level- and edge-triggered, several connections, and closes without EPOLL_CTL_DEL.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/accept/hosted.h"
#include "tests/support/process_list.h"

namespace prefork::test {
namespace {

/// A remote program with an epoll that watches its listener.
struct Watching {
  explicit Watching(const std::string& how = "") {
    listener = program.listens("nonblock");
    epoll = program.number("epoll");
    watch(listener, how);
    program.expect_now(RecordKind::kReady, 8);
  }
  void watch(int descriptor, const std::string& how = "") {
    const std::string more = "add " + std::to_string(descriptor) + (how.empty() ? "" : ' ' + how);
    REQUIRE(program.call("watch " + std::to_string(epoll) + ' ' + more) == "0");
  }
  std::string events(int milliseconds) {
    return program.call("events " + std::to_string(epoll) + ' ' + std::to_string(milliseconds));
  }
  void finish(int connection, std::uint64_t ticket, const std::string& close = "close") {
    REQUIRE(program.call(close + ' ' + std::to_string(connection)) == "0");
    program.expect_now(RecordKind::kIdle, ticket);
  }

  Hosted program;
  int listener = -1;
  int epoll = -1;
};

}  // namespace

TEST_CASE("a level-triggered epoll reports a listener as long as connections wait") {
  Watching it;
  const std::vector<std::uint64_t> tickets = {it.program.dispatch(), it.program.dispatch(),
                                              it.program.dispatch()};
  std::vector<int> connections;
  for (const std::uint64_t ticket : tickets) {
    CHECK(it.events(20000) == "1 " + std::to_string(it.listener));
    connections.push_back(it.program.accepts(it.listener, ticket));
  }
  CHECK(it.events(0) == "0");
  for (std::size_t i = 0; i < tickets.size(); ++i) it.finish(connections[i], tickets[i]);
}

TEST_CASE("FAULTS 255: with an edge-triggered epoll no connection is forgotten") {
  Watching it("edge");
  for (int round = 0; round < 3; ++round) {
    const std::vector<std::uint64_t> tickets = {it.program.dispatch(), it.program.dispatch(),
                                                it.program.dispatch()};
    CHECK(it.events(20000) == "1 " + std::to_string(it.listener));
    std::vector<int> connections;
    for (const std::uint64_t ticket : tickets) connections.push_back(it.program.accepts(it.listener, ticket));
    CHECK(it.program.call("accept " + std::to_string(it.listener)) == "-1 EAGAIN");
    CHECK(it.events(0) == "0");
    for (std::size_t i = 0; i < tickets.size(); ++i) it.finish(connections[i], tickets[i]);
  }
}

TEST_CASE("FAULTS 255: a Ping does not wake a program for nothing, or it sees EAGAIN and waits again") {
  Watching it;
  it.program.say(RecordKind::kPing);
  const std::string events = it.events(20000);
  if (events != "0") CHECK(it.program.call("accept " + std::to_string(it.listener)) == "-1 EAGAIN");
  it.program.expect(RecordKind::kPong);
  CHECK(it.events(0) == "0");
}

TEST_CASE("FAULTS 257: a connection that is closed without EPOLL_CTL_DEL is gone from the epoll") {
  for (const std::string close : {"close", "sys-close", "fclose"}) {
    CAPTURE(close);
    Watching it;
    const std::uint64_t ticket = it.program.dispatch();
    const int connection = it.program.accepts(it.listener, ticket);
    it.watch(connection);
    CHECK(it.events(0) == "0");
    const std::uint64_t open = ticket;
    it.finish(connection, open, close);
    // The supervisor's copy and the client live: without the removal the epoll would go on reporting.
    it.program.client(ticket).send("late");
    CHECK(it.events(0) == "0");
    const std::uint64_t next = it.program.dispatch();
    CHECK(it.events(20000) == "1 " + std::to_string(it.listener));
    const int second = it.program.accepts(it.listener, next);
    it.watch(second);
    it.program.client(next).send("a");
    CHECK(it.events(20000) == "1 " + std::to_string(second));
    it.finish(second, next, close);
    CHECK(it.events(0) == "0");
  }
}

TEST_CASE(
    "FAULTS 257: a connection in two epolls, or watched through a copy, is gone from them at its close") {
  Watching it;
  const int other = it.program.number("epoll");
  const std::uint64_t ticket = it.program.dispatch();
  const int connection = it.program.accepts(it.listener, ticket);
  it.watch(connection);
  REQUIRE(it.program.call("watch " + std::to_string(other) + " add " + std::to_string(connection)) == "0");
  it.program.client(ticket).send("a");
  CHECK(it.events(20000) == "1 " + std::to_string(connection));
  it.finish(connection, ticket);
  CHECK(it.events(0) == "0");
  CHECK(it.program.call("events " + std::to_string(other) + " 0") == "0");

  const std::uint64_t second = it.program.dispatch();
  const int original = it.program.accepts(it.listener, second);
  const int copy = it.program.number("dup " + std::to_string(original));
  it.watch(copy);
  it.program.client(second).send("a");
  CHECK(it.events(20000) == "1 " + std::to_string(copy));
  REQUIRE(it.program.call("close " + std::to_string(copy)) == "0");
  CHECK(it.program.quiet());
  it.finish(original, second);
  CHECK(it.events(0) == "0");
}

TEST_CASE("FAULTS 257: a copy that is closed first takes no watch of the other away") {
  Watching it;
  const std::uint64_t ticket = it.program.dispatch();
  const int connection = it.program.accepts(it.listener, ticket);
  const int copy = it.program.number("dup " + std::to_string(connection));
  it.watch(connection);
  REQUIRE(it.program.call("close " + std::to_string(copy)) == "0");
  it.program.client(ticket).send("a");
  CHECK(it.events(20000) == "1 " + std::to_string(connection));
  it.finish(connection, ticket);
}

TEST_CASE("a listener can leave an epoll and come back") {
  Watching it;
  const std::string epoll = "watch " + std::to_string(it.epoll) + ' ';
  REQUIRE(it.program.call(epoll + "del " + std::to_string(it.listener)) == "0");
  const std::uint64_t ticket = it.program.dispatch();
  CHECK(it.events(0) == "0");
  it.watch(it.listener, "once");
  CHECK(it.events(20000) == "1 " + std::to_string(it.listener));
  CHECK(it.events(0) == "0");
  const int connection = it.program.accepts(it.listener, ticket);
  REQUIRE(it.program.call(epoll + "mod " + std::to_string(it.listener)) == "0");
  const std::uint64_t next = it.program.dispatch();
  CHECK(it.events(20000) == "1 " + std::to_string(it.listener));
  const int second = it.program.accepts(it.listener, next);
  it.finish(second, next);
  it.finish(connection, ticket);
}

TEST_CASE("a second descriptor of the listener accepts, too") {
  for (const std::string copies : {"dup", "dup2", "dup3", "dupfd", "dupfd-cloexec"}) {
    CAPTURE(copies);
    Hosted program;
    const std::string listener = std::to_string(program.ready());
    const int copy = program.number(copies + ' ' + listener + " 20");
    REQUIRE(program.call("close " + listener) == "0");
    CHECK(program.quiet());
    const std::uint64_t ticket = program.dispatch();
    const int connection = program.accepts(copy, ticket);
    CHECK(program.call("getsockname " + std::to_string(copy)) == "0 " + program.pool().address());
    REQUIRE(program.call("close " + std::to_string(connection)) == "0");
    program.expect_now(RecordKind::kIdle, ticket);
    CHECK(program.quiet());
  }
}

}  // namespace prefork::test
