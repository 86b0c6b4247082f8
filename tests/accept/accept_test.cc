// When a program gets a connection, and when it is ready for one.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "tests/accept/hosted.h"
#include "tests/support/eventually.h"
#include "tests/support/process_list.h"

namespace prefork::test {
namespace {

std::string with(const std::string& call, int descriptor, const std::string& more = "") {
  return call + ' ' + std::to_string(descriptor) + (more.empty() ? "" : ' ' + more);
}

void finish(Hosted& program, int connection, std::uint64_t ticket) {
  REQUIRE(program.call(with("close", connection)) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
}

std::ptrdiff_t living_children(const Hosted& program) {
  const std::vector<ProcessStat> children = children_of(program.pid());
  return std::count_if(children.begin(), children.end(),
                       [](const ProcessStat& child) { return child.state != 'Z'; });
}

}  // namespace

TEST_CASE("a program is ready at its first wait for the listener, and not before") {
  for (const std::string wait : {"poll", "ppoll", "select", "pselect"}) {
    CAPTURE(wait);
    Hosted program;
    const int listener = program.listens("nonblock");
    CHECK(program.quiet());
    const int other = program.number("socket v4");
    REQUIRE(program.number(with(wait, other, "0")) >= 0);
    CHECK(program.quiet());
    CHECK(program.call(with(wait, listener, "0")) == "0");
    program.expect_now(RecordKind::kReady, 8);
    CHECK(program.call(with(wait, listener, "0")) == "0");
    CHECK(program.quiet());
    const std::uint64_t ticket = program.dispatch();
    CHECK(program.call(with(wait, listener, "20000")) == "1");
    finish(program, program.accepts(listener, ticket), ticket);
    CHECK(program.call(with(wait, listener, "0")) == "0");
  }
}

TEST_CASE("FAULTS 314: a memo that another program has left is not taken for records") {
  std::string memo(3 * kRecordSize, '\0');  // Drain, Drain, Connection
  memo[0] = memo[kRecordSize] = static_cast<char>(RecordKind::kDrain);
  memo[2 * kRecordSize] = static_cast<char>(RecordKind::kConnection);
  Hosted program({.listen = {"127.0.0.1:0", "127.0.0.1:0"}});
  const int first = program.listens("nonblock", 0);
  const int second = program.listens("nonblock", 1);
  CHECK(program.call(with("poll", first, "0")) == "0");
  CHECK(program.call(with("poll", second, "0")) == "0");
  program.expect_now(RecordKind::kReady, 8);
  program.send_with_memo(memo);
  const std::uint64_t ticket = program.dispatch(1);
  CHECK(program.call(with("accept", first)) == "-1 EAGAIN");
  finish(program, program.accepts(second, ticket), ticket);
  program.send_with_memo("");
  const std::uint64_t next = program.dispatch();
  finish(program, program.accepts(first, next), next);
  CHECK(program.quiet());
}

TEST_CASE("an accept that does not block, and an epoll, make a program ready, too") {
  Hosted accepts;
  const int listener = accepts.listens("nonblock");
  CHECK(accepts.call(with("accept", listener)) == "-1 EAGAIN");
  accepts.expect_now(RecordKind::kReady, 8);
  Hosted watches;
  const int epoll = watches.number("epoll");
  const int watched = watches.listens("nonblock");
  CHECK(watches.call(with("watch", epoll, "add " + std::to_string(watched))) == "0");
  watches.expect_now(RecordKind::kReady, 8);
}

TEST_CASE("a program that waits in epoll before it listens is ready") {
  Hosted program;
  const int listener = program.number("socket v4 nonblock");
  const int epoll = program.number("epoll");
  REQUIRE(program.call(with("bind", listener, program.pool().address())) == "0");
  REQUIRE(program.call(with("watch", epoll, "add " + std::to_string(listener))) == "0");
  REQUIRE(program.call(with("listen", listener)) == "0");
  program.begin(with("events", epoll, "20000"));
  program.expect(RecordKind::kReady, 8);
  const std::uint64_t ticket = program.dispatch();
  CHECK(program.answer() == "1 " + std::to_string(listener));
  finish(program, program.accepts(listener, ticket), ticket);
}

TEST_CASE("an accept that does not block says EAGAIN when no connection is there") {
  Hosted program;
  const int listener = program.ready("nonblock cloexec");
  CHECK(program.call(with("accept", listener)) == "-1 EAGAIN");
  CHECK(program.call(with("accept4", listener, "2048")) == "-1 EAGAIN");
  CHECK(program.call(with("sys-accept", listener)) == "-1 EAGAIN");
  CHECK(program.call(with("getfl", listener)) == "2048");
  CHECK(program.call(with("getfd", listener)) == "1");
  CHECK(program.quiet());
}

TEST_CASE("the flags of a connection are those of the call, not of the listener") {
  Hosted program;
  const int listener = program.ready();
  const std::vector<std::string> calls = {"accept", "accept4", "accept4", "sys-accept", "accept-null"};
  const std::vector<std::string> flags = {"", "2048", "524288", "526336", ""};
  for (std::size_t i = 0; i < calls.size(); ++i) {
    CAPTURE(calls[i]);
    CAPTURE(flags[i]);
    const std::uint64_t ticket = program.dispatch();
    const int connection = program.number(with(calls[i], listener, flags[i]));
    program.expect_now(RecordKind::kBusy, ticket);
    const unsigned wanted = flags[i].empty() ? 0 : static_cast<unsigned>(std::stoul(flags[i]));
    CHECK(program.call(with("getfl", connection)) == std::to_string(wanted & 2048));
    CHECK(program.call(with("getfd", connection)) == ((wanted & 524288) != 0 ? "1" : "0"));
    finish(program, connection, ticket);
  }
}

TEST_CASE(
    "a connection that an earlier worker has made non-blocking blocks, unless accept4() is told otherwise") {
  Hosted program;
  const int listener = program.ready();
  const std::uint64_t first = program.dispatch(0, "", O_NONBLOCK);
  const int blocks = program.accepts(listener, first);
  CHECK(program.call(with("getfl", blocks)) == "0");
  finish(program, blocks, first);
  const std::uint64_t second = program.dispatch(0, "", O_NONBLOCK);
  const int does_not = program.number(with("accept4", listener, "2048"));
  program.expect_now(RecordKind::kBusy, second);
  CHECK(program.call(with("getfl", does_not)) == "2048");
  finish(program, does_not, second);
}

TEST_CASE("FAULTS 256: a blocking accept waits, and fails only with EINTR after a signal") {
  Hosted program;
  const int listener = program.listens();
  REQUIRE(program.call("signal 10 handler") == "0");
  program.begin(with("accept", listener));
  program.expect(RecordKind::kReady, 8);
  CHECK(!program.answered());
  program.say(RecordKind::kPing);
  program.expect(RecordKind::kPong);
  CHECK(!program.answered());
  program.await_sleep();
  REQUIRE(::kill(program.pid(), SIGUSR1) == 0);
  CHECK(program.answer() == "-1 EINTR");
  CHECK(program.call("caught") == "1");
  const std::uint64_t ticket = program.dispatch();
  finish(program, program.accepts(listener, ticket), ticket);
}

TEST_CASE("FAULTS 256: a signal whose handler restarts calls does not end a blocking accept") {
  Hosted program;
  const int listener = program.listens();
  REQUIRE(program.call("signal 10 restart") == "0");
  program.begin(with("accept", listener));
  program.expect(RecordKind::kReady, 8);
  program.say(RecordKind::kPing);  // its Pong shows that the program waits
  program.expect(RecordKind::kPong);
  program.await_sleep();
  REQUIRE(::kill(program.pid(), SIGUSR1) == 0);
  program.say(RecordKind::kPing);
  program.expect(RecordKind::kPong);
  const std::uint64_t ticket = program.dispatch();
  const std::string accepted = program.answer();
  CHECK(accepted.find("127.0.0.1") != std::string::npos);
  program.expect_now(RecordKind::kBusy, ticket);
  CHECK(program.call("caught") == "1");
  finish(program, std::stoi(accepted), ticket);
}

TEST_CASE(
    "FAULTS 256: the same in a program of several processes, as in the books: SIGCHLD does not end "
    "accept()") {
  Hosted program;
  const int listener = program.listens();
  REQUIRE(program.call("signal 17 restart") == "0");
  for (int i = 0; i < 3; ++i) REQUIRE(program.number("fork " + std::to_string(i)) > 0);
  program.begin(with("accept", listener));
  program.expect(RecordKind::kReady, 8);
  for (int i = 1; i <= 3; ++i) {
    program.say(RecordKind::kPing);
    program.expect(RecordKind::kPong);
    program.await_sleep();
    program.begin("_exit 0", i);
    eventually("the child has ended", [&] { return living_children(program) == 3 - i; });
    CHECK(!program.answered());
  }
  const std::uint64_t ticket = program.dispatch();
  const std::string accepted = program.answer();
  CHECK(accepted.find("127.0.0.1") != std::string::npos);
  program.expect_now(RecordKind::kBusy, ticket);
  CHECK(program.number("caught") > 0);
  finish(program, std::stoi(accepted), ticket);
}

TEST_CASE("ten threads accept, and each connection has one of them") {
  Hosted program({.slots = 10});
  const int listener = program.listens();
  constexpr int kThreads = 10;
  for (int i = 0; i < kThreads; ++i) REQUIRE(program.call("thread " + std::to_string(i)) == "0");
  for (int i = 1; i <= kThreads; ++i) program.begin(with("accept", listener), i);
  program.expect(RecordKind::kReady, 10);
  std::set<std::uint64_t> sent;
  for (int i = 0; i < kThreads; ++i) sent.insert(program.dispatch());
  std::set<int> connections;
  for (int i = 1; i <= kThreads; ++i) connections.insert(std::stoi(program.answer(i)));
  CHECK(connections.size() == kThreads);
  std::set<std::uint64_t> begun;
  for (int i = 0; i < kThreads; ++i) {
    const Arrival arrival = program.next();
    CHECK(arrival.record.kind == RecordKind::kBusy);
    begun.insert(arrival.record.ticket);
  }
  CHECK(begun == sent);
  int helper = 0;
  for (const int connection : connections) CHECK(program.call(with("close", connection), ++helper) == "0");
  for (int i = 0; i < kThreads; ++i) CHECK(program.next().record.kind == RecordKind::kIdle);
  CHECK(program.quiet());
}

TEST_CASE("FAULTS 255: of several listeners each gets its own connections") {
  Hosted program({.listen = {"127.0.0.1:0", "127.0.0.1:0"}});
  const int first = program.listens("nonblock", 0);
  const int second = program.listens("nonblock", 1);
  CHECK(program.call(with("accept", first)) == "-1 EAGAIN");
  program.expect_now(RecordKind::kReady, 8);
  CHECK(program.call(with("accept", second)) == "-1 EAGAIN");
  const std::uint64_t ticket = program.dispatch(1);
  CHECK(program.call(with("poll", second, "20000")) == "1");
  CHECK(program.call(with("accept", first)) == "-1 EAGAIN");
  CHECK(program.quiet());
  const int connection = program.accepts(second, ticket);
  const std::string name = program.call(with("getsockname", connection));
  CHECK(name == "0 " + program.pool(1).address());
  finish(program, connection, ticket);
}

TEST_CASE("a listener is made non-blocking, and blocking again") {
  Hosted program;
  const int listener = program.ready("");
  REQUIRE(program.call(with("setfl", listener, "1")) == "0");
  CHECK(program.call(with("getfl", listener)) == "2048");
  CHECK(program.call(with("accept", listener)) == "-1 EAGAIN");
  REQUIRE(program.call(with("setfl", listener, "0")) == "0");
  program.begin(with("accept", listener));
  program.await_sleep();
  CHECK(!program.answered());
  const std::uint64_t ticket = program.dispatch();
  const std::string accepted = program.answer();
  program.expect_now(RecordKind::kBusy, ticket);
  finish(program, std::stoi(accepted), ticket);
}

TEST_CASE("shutdown() of a listener ends an accept() that blocks, in a thread as well") {
  Hosted program;
  const int listener = program.listens();
  REQUIRE(program.call("thread 0") == "0");
  program.begin(with("accept", listener), 1);
  program.expect(RecordKind::kReady, 8);
  CHECK(!program.answered(1));
  CHECK(program.call(with("shutdown", listener)) == "0");
  CHECK(program.answer(1) == "-1 EINVAL");
  CHECK(program.call(with("accept", listener)) == "-1 EINVAL");
}

TEST_CASE("FAULTS 255: a connection of one listener does not block those of another") {
  Hosted program({.listen = {"127.0.0.1:0", "127.0.0.1:0"}});
  const int first = program.listens("nonblock", 0);
  const int second = program.listens("nonblock", 1);
  CHECK(program.call(with("poll", first, "0")) == "0");
  program.expect_now(RecordKind::kReady, 8);
  const std::uint64_t a = program.dispatch(1);
  const std::uint64_t b = program.dispatch(0);
  const int served = program.accepts(second, a);
  const int other = program.accepts(first, b);
  finish(program, other, b);
  finish(program, served, a);
}

TEST_CASE("FAULTS 255: two threads that block in accept() of two listeners get each their own") {
  Hosted program({.listen = {"127.0.0.1:0", "127.0.0.1:0"}});
  const int first = program.listens("", 0);
  const int second = program.listens("", 1);
  for (int i = 0; i < 2; ++i) REQUIRE(program.call("thread " + std::to_string(i)) == "0");
  program.begin(with("accept", first), 1);
  program.begin(with("accept", second), 2);
  program.expect(RecordKind::kReady, 8);
  const std::uint64_t of_second = program.dispatch(1);
  const int second_connection = std::stoi(program.answer(2));
  program.expect_now(RecordKind::kBusy, of_second);
  CHECK(!program.answered(1));
  const std::uint64_t waits = program.dispatch(1);
  const std::uint64_t of_first = program.dispatch(0);
  CHECK(!program.answered(1));
  const int third = program.number(with("accept", second), 2);
  program.expect(RecordKind::kBusy, waits);
  const int first_connection = std::stoi(program.answer(1));
  program.expect(RecordKind::kBusy, of_first);
  finish(program, first_connection, of_first);
  finish(program, second_connection, of_second);
  finish(program, third, waits);
}

TEST_CASE("a connection of an address that the program does not listen at goes to a listener that it has") {
  Hosted program({.listen = {"127.0.0.1:0", "127.0.0.1:0"}});
  const int only = program.ready();
  const std::uint64_t ticket = program.dispatch(1);
  const int connection = program.accepts(only, ticket);
  finish(program, connection, ticket);
}

TEST_CASE("FAULTS 263: a program short of descriptors refuses, and its accept says EAGAIN") {
  Hosted program;
  const int listener = program.ready();
  REQUIRE(program.call("nofile 64") == "0");
  REQUIRE(program.number("fill") > 10);
  const std::uint64_t ticket = program.dispatch();
  CHECK(program.call(with("accept", listener)) == "-1 EAGAIN");
  program.expect_now(RecordKind::kRefused, ticket);
  REQUIRE(program.call("close 40") == "0");
  const std::uint64_t next = program.dispatch();
  const int connection = program.accepts(listener, next);
  CHECK(connection == 40);
  finish(program, connection, next);
}

TEST_CASE("FAULTS 263: a blocking accept of a program short of descriptors goes on waiting") {
  Hosted program;
  const int listener = program.listens();
  REQUIRE(program.call("nofile 64") == "0");
  REQUIRE(program.number("fill") > 10);
  program.begin(with("accept", listener));
  program.expect(RecordKind::kReady, 8);
  const std::uint64_t ticket = program.dispatch();
  program.expect(RecordKind::kRefused, ticket);
  CHECK(!program.answered());
}

TEST_CASE("the slots offered are at most what the limit of descriptors allows") {
  Hosted program({.slots = 1000, .in_child = [] {
                    const rlimit limit{.rlim_cur = 128, .rlim_max = 128};
                    (void)::setrlimit(RLIMIT_NOFILE, &limit);
                  }});
  const int listener = program.listens("nonblock");
  CHECK(program.call(with("poll", listener, "0")) == "0");
  const Arrival ready = program.next();
  CHECK(ready.record.kind == RecordKind::kReady);
  CHECK(ready.record.ticket >= 1);
  CHECK(ready.record.ticket < 128);
}

TEST_CASE(
    "FAULTS 263: a program with few descriptors from its start has room for its own and those of the "
    "library") {
  Hosted program({.in_child = [] {
    const rlimit limit{.rlim_cur = 32, .rlim_max = 32};
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
  }});
  const int listener = program.listens("nonblock");
  CHECK(program.call(with("poll", listener, "0")) == "0");
  CHECK(program.next().record.kind == RecordKind::kReady);
  for (int i = 0; i < 40; ++i) {
    const std::uint64_t ticket = program.dispatch();
    finish(program, program.accepts(listener, ticket), ticket);
  }
  REQUIRE(program.number("fill") > 5);
  const std::uint64_t ticket = program.dispatch();
  CHECK(program.call(with("accept", listener)) == "-1 EAGAIN");
  program.expect_now(RecordKind::kRefused, ticket);
}

TEST_CASE("a connection may get the number 1") {
  Hosted program;
  const int listener = program.ready();
  REQUIRE(program.call("close 1") == "0");
  const std::uint64_t ticket = program.dispatch();
  CHECK(program.accepts(listener, ticket) == 1);
  finish(program, 1, ticket);
}

TEST_CASE("FAULTS 251: io_uring is not there for a program that would accept with it") {
  Hosted program;
  CHECK(program.call("io-uring") == "-1 ENOSYS");
  const Arrival note = program.next();
  CHECK(note.record.kind == RecordKind::kNote);
  CHECK(note.text.starts_with("asked for io_uring, which is refused"));
  CHECK(program.ready() >= 0);
}

TEST_CASE("connections leave no descriptor behind") {
  Hosted program;
  const int listener = program.ready();
  std::vector<int> before;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t ticket = program.dispatch();
    const int connection = program.accepts(listener, ticket);
    const int copy = program.number(with("dup", connection));
    REQUIRE(program.call(with("close", connection)) == "0");
    finish(program, copy, ticket);
    if (i == 10) before = descriptor_numbers_of(program.pid());
  }
  CHECK(descriptor_numbers_of(program.pid()) == before);
}

}  // namespace prefork::test
