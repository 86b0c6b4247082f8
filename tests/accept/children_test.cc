// What becomes of processes that end or are too many, and of listeners that are shut down.
#include <doctest/doctest.h>

#include <csignal>
#include <string>

#include "tests/accept/hosted.h"

namespace prefork::test {
namespace {

std::string about(const std::string& call, int descriptor, const std::string& more = "") {
  return call + ' ' + std::to_string(descriptor) + (more.empty() ? "" : ' ' + more);
}

}  // namespace

TEST_CASE("FAULTS 225: what stdio holds for a connection is written before exit() closes it") {
  Hosted program;
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  CHECK(program.number("fork 0") > 0);
  CHECK(program.call(about("close", connection)) == "0");
  CHECK(program.call(about("print", connection, "answer"), 1) == "0");
  program.begin("exit 0", 1);
  program.expect(RecordKind::kIdle, ticket);
  CHECK(program.client(ticket).receive(6) == "answer");
}

TEST_CASE("FAULTS 226: a process beyond those that the library counts closes what it has inherited") {
  Hosted program;
  CHECK(program.call("fork-many 1023") == "1023");
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  CHECK(program.number("fork 0") > 0);
  CHECK(program.call(about("close", connection), 1) == "0");
  CHECK(program.call(about("close", listener), 1) == "0");
  CHECK(program.number("getpid", 1) > 0);
  CHECK(program.quiet());
  CHECK(program.call(about("close", connection)) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
}

TEST_CASE("FAULTS 227: the end of one listener keeps no thread busy that waits at another") {
  Hosted program;
  const int first = program.listens();
  const int second = program.listens();
  CHECK(program.number("thread 0") == 0);
  const pid_t thread = program.number("gettid", 1);
  program.begin(about("accept", second), 1);
  program.expect(RecordKind::kReady, 8);
  CHECK(program.call(about("shutdown", first)) == "0");
  program.await_sleep(thread);
  CHECK(program.call(about("close", first)) == "0");
  const std::uint64_t ticket = program.dispatch();
  program.expect(RecordKind::kBusy, ticket);
  const int connection = std::stoi(program.answer(1));
  CHECK(program.call(about("close", connection)) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
}

TEST_CASE("FAULTS 227: shutdown() of a listener ends the accept() of other processes, too") {
  Hosted program;
  const int listener = program.listens();
  const pid_t child = program.number("fork 0");
  program.begin(about("accept", listener), 1);
  program.expect(RecordKind::kReady, 8);
  program.await_sleep(child);
  CHECK(program.call(about("shutdown", listener)) == "0");
  CHECK(program.answer(1) == "-1 EINVAL");
}

TEST_CASE("FAULTS 228: a server that was forked before it listened is killed: its connection is given back") {
  Hosted program;
  const pid_t child = program.number("fork 0");
  const int listener = program.number("socket v4", 1);
  REQUIRE(program.call(about("bind", listener, program.pool().address()), 1) == "0");
  REQUIRE(program.call(about("listen", listener), 1) == "0");
  program.begin(about("accept", listener), 1);
  program.expect(RecordKind::kReady, 8);
  const std::uint64_t ticket = program.dispatch();
  program.expect(RecordKind::kBusy, ticket);
  (void)program.answer(1);
  REQUIRE(::kill(child, SIGKILL) == 0);
  CHECK(program.number("wait") == child);
  CHECK(program.number("fork 1") > 0);  // its master starts another
  program.expect(RecordKind::kIdle, ticket);
  program.expect(RecordKind::kLeave);
}

TEST_CASE("FAULTS 228: a script that forks and fails has not gone to the background") {
  Hosted program({.command = {"sh", "-c", "(exit 0); (exit 0); exit 3"}});
  CHECK(program.await_exit() == 3);
  CHECK(program.next().end);
}

}  // namespace prefork::test
