// Idle comes once, and exactly with the last close of a connection.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/accept/hosted.h"
#include "tests/support/eventually.h"

namespace prefork::test {
namespace {

/// A remote program with one connection that it has accepted.
struct Serving {
  explicit Serving(Setup setup = {}) : program(std::move(setup)) {
    listener = program.ready();
    ticket = program.dispatch();
    connection = program.accepts(listener, ticket);
  }
  std::string call(const std::string& name, int descriptor, const std::string& more = "") {
    return program.call(name + ' ' + std::to_string(descriptor) + (more.empty() ? "" : ' ' + more));
  }
  /// The connection is closed with this call, which is answered with `answer`.
  void ends(const std::string& words, const std::string& answer = "0") {
    CHECK(program.quiet());
    CHECK(program.call(words) == answer);
    program.expect_now(RecordKind::kIdle, ticket);
    CHECK(program.quiet());
  }

  Hosted program;
  int listener = -1;
  std::uint64_t ticket = 0;
  int connection = -1;
};

}  // namespace

TEST_CASE("each way to close a connection makes it idle") {
  for (const std::string how : {"close", "sys-close", "fclose"}) {
    CAPTURE(how);
    Serving it;
    it.ends(how + ' ' + std::to_string(it.connection));
    CHECK(it.call("close", it.connection) == "-1 EBADF");
    CHECK(it.program.quiet());
  }
  Serving ranged;
  const std::string number = std::to_string(ranged.connection);
  ranged.ends("close-range " + number + ' ' + number);
  Serving system;
  system.ends("sys-close-range " + number + ' ' + number);
}

TEST_CASE("FAULTS 257: the client sees the end at once where the supervisor holds no copy") {
  Serving it({.keeps_copies = false});
  it.program.client(it.ticket).send("a");
  CHECK(it.call("read", it.connection, "5") == "1 a");
  CHECK(it.call("write", it.connection, "answer") == "6");
  it.ends("close " + std::to_string(it.connection));
  CHECK(it.program.client(it.ticket).receive() == "answer");
}

TEST_CASE("a connection lives as long as its last copy") {
  for (const std::string copies : {"dup", "dup2", "dup3", "dupfd", "dupfd-cloexec", "sys-dup"}) {
    CAPTURE(copies);
    Serving it;
    const int copy = it.program.number(copies + ' ' + std::to_string(it.connection) + " 30");
    CHECK(it.call("close", it.connection) == "0");
    CHECK(it.program.quiet());
    const int second = it.program.number("dup " + std::to_string(copy));
    CHECK(it.call("close", copy) == "0");
    CHECK(it.program.quiet());
    it.program.client(it.ticket).send("a");
    CHECK(it.call("read", second, "5") == "1 a");
    CHECK(it.call("getpeername", second).starts_with("0 127.0.0.1:"));
    it.ends("close " + std::to_string(second));
  }
}

TEST_CASE("a descriptor that is put over a connection ends it") {
  for (const std::string copies : {"dup2", "dup3"}) {
    CAPTURE(copies);
    Serving it;
    const std::string number = std::to_string(it.connection);
    CHECK(it.program.call("dup2 " + number + ' ' + number) == number);  // nothing happens
    it.ends(copies + " 0 " + number, number);
    CHECK(it.call("getpeername", it.connection) != "-1 EBADF");
    CHECK(it.call("close", it.connection) == "0");
    CHECK(it.program.quiet());
  }
}

TEST_CASE("a connection that is put over another ends the other") {
  Serving it;
  const std::uint64_t other = it.program.dispatch();
  const int second = it.program.accepts(it.listener, other);
  CHECK(it.call("dup2", it.connection, std::to_string(second)) == std::to_string(second));
  it.program.expect_now(RecordKind::kIdle, other);
  CHECK(it.call("close", it.connection) == "0");
  CHECK(it.program.quiet());
  it.ends("close " + std::to_string(second));
}

TEST_CASE("a copy that fails changes nothing") {
  Serving it;
  CHECK(it.call("dup2", it.connection, "100000000") == "-1 EBADF");
  CHECK(it.call("dupfd", it.connection, "100000000") == "-1 EINVAL");
  CHECK(it.call("close", 99) == "-1 EBADF");
  it.ends("close " + std::to_string(it.connection));
}

TEST_CASE("a number that was a connection's is an ordinary one afterwards") {
  Serving it;
  it.ends("close " + std::to_string(it.connection));
  const int again = it.program.number("socket v4");
  CHECK(again == it.connection);
  const int copy = it.program.number("dup " + std::to_string(again));
  CHECK(it.call("close", again) == "0");
  CHECK(it.call("close", copy) == "0");
  CHECK(it.program.quiet());
}

TEST_CASE("shutdown() is not the end of a connection, and sendfile() goes to the client") {
  Serving it;
  CHECK(it.call("sendfile", it.connection) == "4");
  CHECK(it.program.client(it.ticket).receive(4) == "\177ELF");
  CHECK(it.call("shutdown", it.connection) == "0");
  CHECK(it.program.client(it.ticket).receive() == "");
  it.ends("close " + std::to_string(it.connection));
}

TEST_CASE("a connection that the client resets is idle at its close, not before") {
  Serving it;
  it.program.client(it.ticket).reset();
  eventually("the reset arrives", [&] { return it.call("read", it.connection, "1") == "-1 ECONNRESET"; });
  const std::string peer = it.call("getpeername", it.connection);
  CHECK(peer == "-1 ENOTCONN");
  it.ends("close " + std::to_string(it.connection));
}

TEST_CASE("a connection whose client has gone before accept() is still a connection") {
  Hosted program;
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  program.client(ticket).reset();
  const std::string accepted = program.call("accept " + std::to_string(listener));
  REQUIRE(std::stoi(accepted) >= kChannelDescriptor);
  program.expect_now(RecordKind::kBusy, ticket);
  CHECK(program.call("close " + std::to_string(std::stoi(accepted))) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
}

TEST_CASE("an end of the process ends its connections") {
  for (const std::string how : {"exit 0", "_exit 3"}) {
    CAPTURE(how);
    Serving it;
    it.program.begin(how);
    it.program.expect(RecordKind::kIdle, it.ticket);
    CHECK(it.program.await_exit() == std::stoi(how.substr(how.find(' '))));
  }
}

TEST_CASE("a close in a function that exit() calls is the connection's only end") {
  Serving it;
  REQUIRE(it.call("at-exit", it.connection) == "0");
  it.program.begin("exit 0");
  it.program.expect(RecordKind::kIdle, it.ticket);
  CHECK(it.program.await_exit() == 0);
  Arrival last = it.program.next();
  if (!last.end && last.record.kind == RecordKind::kLeave) last = it.program.next();
  CHECK(last.end);
}

TEST_CASE("FAULTS 264: the close of the last listener says Leave, and what goes on ends as ever") {
  for (const std::string how : {"close ", "sys-close ", "dup2 0 "}) {
    CAPTURE(how);
    Serving it;
    const int copy = it.program.number("dup " + std::to_string(it.listener));
    REQUIRE(it.call("close", copy) == "0");
    CHECK(it.program.quiet());
    const std::uint64_t waits = it.program.dispatch();
    REQUIRE(it.program.number(how + std::to_string(it.listener)) >= 0);
    Arrival arrival = it.program.next();
    if (arrival.record.kind == RecordKind::kRefused) {
      CHECK(arrival.record.ticket == waits);
      arrival = it.program.next();
    }
    CHECK(arrival.record.kind == RecordKind::kLeave);
    it.program.client(it.ticket).send("a");
    CHECK(it.call("read", it.connection, "5") == "1 a");
    REQUIRE(it.call("close", it.connection) == "0");
    bool idle = false;
    while (!it.program.quiet()) {
      const Arrival next = it.program.next();
      idle = idle || (next.record.kind == RecordKind::kIdle && next.record.ticket == it.ticket);
    }
    CHECK(idle);
    it.program.allow_unanswered();  // Leave gives back what was not begun
  }
}

TEST_CASE("FAULTS 264: a program that closes its listener before it was ready has left") {
  Hosted program;
  const int listener = program.listens();
  REQUIRE(program.call("close " + std::to_string(listener)) == "0");
  // It may listen again, and is ready then.
  CHECK(program.ready() >= kChannelDescriptor);
}

}  // namespace prefork::test
