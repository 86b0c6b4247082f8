// Programs of several processes: fork for each connection, prefork, exec, vfork, users that change.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/accept/hosted.h"
#include "tests/support/eventually.h"
#include "tests/support/process_list.h"

namespace prefork::test {
namespace {

std::string with(const std::string& call, int descriptor, const std::string& more = "") {
  return call + ' ' + std::to_string(descriptor) + (more.empty() ? "" : ' ' + more);
}

/// A remote program with one connection that it has accepted.
struct Forking {
  explicit Forking(Setup setup = {}) : program(std::move(setup)) {
    listener = program.ready();
    ticket = program.dispatch();
    connection = program.accepts(listener, ticket);
  }
  /// A child, which obeys as `helper` (from 1).
  pid_t fork(int helper = 1, int parent = 0) {
    return program.number("fork " + std::to_string(helper - 1), parent);
  }
  std::string close(int helper) { return program.call(with("close", connection), helper); }
  void idle() {
    program.expect_now(RecordKind::kIdle, ticket);
    CHECK(program.quiet());
  }
  /// Kills a process without a chance for the library to say something.
  static void kill(pid_t pid) { REQUIRE(::kill(pid, SIGKILL) == 0); }

  Hosted program;
  int listener = -1;
  std::uint64_t ticket = 0;
  int connection = -1;
};

}  // namespace

TEST_CASE("FAULTS 258: a child serves and its parent closes: the connection is idle when the child closes") {
  Forking it;
  it.fork();
  CHECK(it.close(0) == "0");
  CHECK(it.program.quiet());
  it.program.client(it.ticket).send("a");
  CHECK(it.program.call(with("read", it.connection, "5"), 1) == "1 a");
  CHECK(it.program.quiet());
  CHECK(it.close(1) == "0");
  it.idle();
}

TEST_CASE("FAULTS 258: a child that closes first leaves the connection to its parent") {
  Forking it;
  it.fork();
  CHECK(it.close(1) == "0");
  CHECK(it.program.quiet());
  CHECK(it.close(0) == "0");
  it.idle();
}

TEST_CASE("FAULTS 258: a child that ends closes what it had") {
  for (const std::string how : {"exit 0", "_exit 0"}) {
    CAPTURE(how);
    Forking it;
    it.fork();
    CHECK(it.close(0) == "0");
    CHECK(it.program.quiet());
    it.program.begin(how, 1);
    it.program.expect(RecordKind::kIdle, it.ticket);
    CHECK(it.program.number("wait") > 0);
    CHECK(it.program.quiet());
  }
}

TEST_CASE(
    "FAULTS 258: a child that is killed gives the connection back, whether or not its parent waits for it") {
  for (const std::string disposition : {"signal 17 default", "signal 17 ignore"}) {
    CAPTURE(disposition);
    Forking it;
    REQUIRE(it.program.call(disposition) == "0");
    const pid_t child = it.fork();
    CHECK(it.close(0) == "0");
    CHECK(it.program.quiet());
    Forking::kill(child);
    it.program.expect(RecordKind::kIdle, it.ticket);
    CHECK(it.program.quiet());
  }
}

TEST_CASE("FAULTS 258: a killed child takes nothing away that its parent still has") {
  Forking it;
  const pid_t child = it.fork();
  Forking::kill(child);
  CHECK(it.program.number("wait") == child);
  CHECK(it.program.quiet());
  const pid_t second = it.fork(2);
  CHECK(it.close(0) == "0");
  CHECK(it.program.quiet());
  Forking::kill(second);
  it.program.expect(RecordKind::kIdle, it.ticket);
  CHECK(it.program.quiet());
}

TEST_CASE("FAULTS 258: three generations hold a connection, and the last of them ends it") {
  Forking it;
  it.fork(1);
  it.fork(2, 1);
  const pid_t last = it.fork(3, 2);
  CHECK(it.close(0) == "0");
  CHECK(it.close(1) == "0");
  it.program.begin("_exit 0", 1);
  CHECK(it.program.number("wait") > 0);
  CHECK(it.close(2) == "0");
  it.program.begin("_exit 0", 2);
  eventually("the grandchild's parent is gone", [&] { return process_stat(last).parent != 0; });
  CHECK(it.program.call(with("getpeername", it.connection), 3).starts_with("0 127.0.0.1:"));
  CHECK(it.program.quiet());
  CHECK(it.close(3) == "0");
  it.idle();
}

TEST_CASE("FAULTS 258: a grandchild whose parent has gone is killed, and its connection is given back") {
  Forking it;
  it.fork(1);
  const pid_t last = it.fork(2, 1);
  CHECK(it.close(0) == "0");
  CHECK(it.close(1) == "0");
  it.program.begin("_exit 0", 1);
  CHECK(it.program.number("wait") > 0);
  CHECK(it.program.quiet());
  Forking::kill(last);
  it.program.expect(RecordKind::kIdle, it.ticket);
}

TEST_CASE("FAULTS 258: a fork for each connection, a hundred times, half of the children killed") {
  Forking it;
  CHECK(it.close(0) == "0");
  it.idle();
  REQUIRE(it.program.call("signal 17 ignore") == "0");
  std::size_t open = 0;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t ticket = it.program.dispatch();
    const int connection = it.program.accepts(it.listener, ticket);
    const pid_t child = it.fork(1 + i % 4);
    REQUIRE(it.program.call(with("close", connection)) == "0");
    CHECK(it.program.quiet());
    if (i % 2 == 0)
      Forking::kill(child);
    else
      it.program.begin("_exit 0", 1 + i % 4);
    it.program.expect(RecordKind::kIdle, ticket);
    eventually("the child is gone", [&] { return !is_alive(child); });
    if (i == 10) open = descriptors_of(it.program.pid());
  }
  eventually("no descriptor is left", [&] { return descriptors_of(it.program.pid()) <= open; });
}

TEST_CASE("FAULTS 259: children of a prefork master accept, each another connection") {
  Hosted program;
  const int listener = program.listens();
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) children.push_back(program.number("fork " + std::to_string(i)));
  for (int i = 1; i <= 4; ++i) program.begin(with("accept", listener), i);
  program.expect(RecordKind::kReady, 8);
  std::set<std::uint64_t> sent;
  for (int i = 0; i < 4; ++i) sent.insert(program.dispatch());
  for (int i = 0; i < 4; ++i) {
    const Arrival arrival = program.next();
    CHECK(arrival.record.kind == RecordKind::kBusy);
    CHECK(sent.erase(arrival.record.ticket) == 1);
  }
  for (int i = 1; i <= 4; ++i) {
    const std::string accepted = program.answer(i);
    CHECK(program.quiet());
    CHECK(program.call("close " + std::to_string(std::stoi(accepted)), i) == "0");
    CHECK(program.next().record.kind == RecordKind::kIdle);
  }
}

TEST_CASE("FAULTS 259: a child that is killed while it waits takes no connection along") {
  Hosted program;
  const int listener = program.listens();
  const pid_t first = program.number("fork 0");
  program.begin(with("accept", listener), 1);
  program.expect(RecordKind::kReady, 8);
  for (int i = 1; i <= 8; ++i) {
    const pid_t killed = i == 1 ? first : program.number("fork " + std::to_string(i - 1));
    if (i > 1) program.begin(with("accept", listener), i);
    program.await_sleep(killed);
    const pid_t second = program.number("fork " + std::to_string(8 + i % 2));
    program.begin(with("accept", listener), 9 + i % 2);
    program.await_sleep(second);
    REQUIRE(::kill(killed, SIGSTOP) == 0);
    const std::uint64_t ticket = program.dispatch();  // may wake the stopped one
    REQUIRE(::kill(killed, SIGKILL) == 0);
    REQUIRE(::kill(killed, SIGCONT) == 0);
    program.expect(RecordKind::kBusy, ticket);
    const int connection = std::stoi(program.answer(9 + i % 2));
    CHECK(program.call(with("close", connection), 9 + i % 2) == "0");
    program.expect_now(RecordKind::kIdle, ticket);
    REQUIRE(::kill(second, SIGKILL) == 0);
    eventually("both are gone", [&] { return !is_alive(killed) && !is_alive(second); });
  }
}

TEST_CASE("FAULTS 259: children that are killed with connections give them back, and new ones accept") {
  Hosted program;
  const int listener = program.listens();
  for (int round = 0; round < 6; ++round) {
    const int helper = 1 + round % 4;
    const pid_t child = program.number("fork " + std::to_string(helper - 1));
    program.begin(with("accept", listener), helper);
    if (round == 0) program.expect(RecordKind::kReady, 8);
    const std::uint64_t ticket = program.dispatch();
    program.expect(RecordKind::kBusy, ticket);
    (void)program.answer(helper);
    REQUIRE(::kill(child, SIGKILL) == 0);
    if (round % 2 == 0) CHECK(program.number("wait") > 0);
    program.expect(RecordKind::kIdle, ticket);
  }
}

TEST_CASE("FAULTS 250: a child by vfork that closes a descriptor changes nothing in its parent") {
  Forking it;
  const pid_t child = it.program.number(with("vfork", it.connection));
  CHECK(it.program.quiet());
  CHECK(it.program.number("wait") == child);
  it.program.client(it.ticket).send("a");
  CHECK(it.program.call(with("read", it.connection, "5")) == "1 a");
  CHECK(it.program.call(with("vfork", it.listener)) != "-1");
  CHECK(it.program.number("wait") > 0);
  CHECK(it.program.number("spawn") > 0);
  CHECK(it.program.number("wait") > 0);
  CHECK(it.program.quiet());
  CHECK(it.close(0) == "0");
  it.idle();
  const std::uint64_t next = it.program.dispatch();
  const int connection = it.program.accepts(it.listener, next);
  CHECK(it.program.call(with("close", connection)) == "0");
  it.program.expect_now(RecordKind::kIdle, next);
}

TEST_CASE("an exec in a child keeps the connection where its descriptor stays open") {
  Forking it;
  const pid_t child = it.fork();
  CHECK(it.close(0) == "0");
  it.program.begin("exec", 1);
  it.program.begin("getpid", 1);
  CHECK(it.program.answer(1) == std::to_string(child));
  CHECK(it.program.quiet());
  it.program.client(it.ticket).send("a");
  CHECK(it.program.call(with("read", it.connection, "5"), 1) == "1 a");
  it.program.begin("_exit 0", 1);
  it.program.expect(RecordKind::kIdle, it.ticket);
}

TEST_CASE("an exec ends the connections whose descriptors are close-on-exec") {
  Forking it;
  REQUIRE(it.program.call(with("setfd", it.connection, "1")) == "0");
  it.fork();
  CHECK(it.close(0) == "0");
  CHECK(it.program.quiet());
  it.program.begin("exec", 1);
  it.program.expect(RecordKind::kIdle, it.ticket);
  CHECK(it.program.number("getpid", 1) > 0);
}

TEST_CASE(
    "a child that puts the connection at two other numbers and executes a program, as inetd does, ends it "
    "once") {
  Forking it;
  it.fork();
  CHECK(it.close(0) == "0");
  CHECK(it.program.call(with("dup2", it.connection, "50"), 1) == "50");
  CHECK(it.program.call(with("dup2", it.connection, "51"), 1) == "51");
  CHECK(it.close(1) == "0");
  CHECK(it.program.quiet());
  it.program.begin("exec", 1);
  CHECK(it.program.number("getpid", 1) > 0);
  it.program.client(it.ticket).send("a");
  CHECK(it.program.call("read 50 5", 1) == "1 a");
  CHECK(it.program.call("write 51 answer", 1) == "6");
  CHECK(it.program.client(it.ticket).receive(6) == "answer");
  CHECK(it.program.call("close 50", 1) == "0");
  CHECK(it.program.quiet());
  it.program.begin("_exit 0", 1);
  it.program.expect(RecordKind::kIdle, it.ticket);
  CHECK(it.program.quiet());
}

TEST_CASE("FAULTS 264: the listener of a child is one, and its end says Leave") {
  for (const std::string end : {"close", "_exit", "kill"}) {
    CAPTURE(end);
    Hosted program;
    const int listener = program.ready("");
    const pid_t child = program.number("fork 0");
    CHECK(program.call(with("close", listener)) == "0");
    CHECK(program.quiet());
    const std::uint64_t ticket = program.dispatch();
    const int connection = program.accepts(listener, ticket, 1);
    CHECK(program.call(with("close", connection), 1) == "0");
    program.expect_now(RecordKind::kIdle, ticket);
    if (end == "close") program.begin(with("close", listener), 1);
    if (end == "_exit") program.begin("_exit 0", 1);
    if (end == "kill") REQUIRE(::kill(child, SIGKILL) == 0);
    program.expect(RecordKind::kLeave);
    program.say(RecordKind::kDrain);
  }
}

TEST_CASE("an exec that fails leaves the listener and the connections as they were") {
  for (const std::string exec :
       {"exec-of /nonexistent", "exec-of /etc/passwd", "exec-of /", "execp-of nonexistent-program"}) {
    CAPTURE(exec);
    Forking it;
    REQUIRE(it.program.call(with("setfd", it.connection, "1")) == "0");
    REQUIRE(it.program.call(with("setfd", it.listener, "1")) == "0");
    CHECK(it.program.call(exec).starts_with("-1 "));
    CHECK(it.program.quiet());
    it.program.client(it.ticket).send("a");
    CHECK(it.program.call(with("read", it.connection, "5")) == "1 a");
    CHECK(it.close(0) == "0");
    it.idle();
    const std::uint64_t next = it.program.dispatch();
    const int connection = it.program.accepts(it.listener, next);
    CHECK(it.program.call(with("close", connection)) == "0");
    it.program.expect_now(RecordKind::kIdle, next);
  }
}

TEST_CASE("a program that executes itself before it listens is served") {
  Hosted program;
  program.begin("exec");
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  CHECK(program.call(with("close", connection)) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
}

TEST_CASE(
    "FAULTS 260: a child that has become another user shares the channel, and the drain reaches the master") {
  if (::geteuid() != 0) return;
  Hosted program;
  const int listener = program.listens();
  REQUIRE(program.call("signal 15 leave") == "0");
  const pid_t child = program.number("fork 0");
  REQUIRE(program.call("setuid 65534", 1) == "0");
  program.begin(with("accept", listener), 1);
  program.expect(RecordKind::kReady, 8);
  const std::uint64_t ticket = program.dispatch();
  program.expect(RecordKind::kBusy, ticket);
  const int connection = std::stoi(program.answer(1));
  CHECK(program.call(with("close", connection), 1) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
  program.begin(with("accept", listener), 1);
  program.say(RecordKind::kDrain);
  CHECK(program.await_exit() == 7);
  // The child has not the right to end its master, and the end of the master does not end it: it has lost the
  // signal of its parent's death with its user. It goes back to its accept(), as servers do.
  CHECK(program.answer(1) == "-1 EINTR");
  program.begin(with("accept", listener), 1);
  program.close_channel();
  eventually("the child is gone", [&] { return !is_alive(child); });
}

TEST_CASE("FAULTS 262: the children of a killed master end") {
  Hosted program;
  const int listener = program.listens();
  const pid_t child = program.number("fork 0");
  program.begin(with("accept", listener), 1);
  program.expect(RecordKind::kReady, 8);
  REQUIRE(::kill(program.pid(), SIGKILL) == 0);
  CHECK(program.await_exit() == -SIGKILL);
  program.close_channel();
  eventually("the child is gone", [&] { return !is_alive(child); });
}

}  // namespace prefork::test
