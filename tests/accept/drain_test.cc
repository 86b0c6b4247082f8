// The end of a program: Drain, the end of the channel, and what the program has decided for the signal.
#include <doctest/doctest.h>
#include <time.h>

#include <csignal>
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

/// Whether the program waits in accept(), in epoll or in poll().
const std::vector<std::string> kWaits = {"accept", "poll", "events"};

/// A remote program that waits for connections in one of these ways, with a disposition of SIGTERM.
struct Waiting {
  Waiting(const std::string& wait, const std::string& disposition, Setup setup = {})
      : program(std::move(setup)) {
    if (!disposition.empty()) REQUIRE(program.call("signal 15 " + disposition) == "0");
    listener = program.listens(wait == "accept" ? "" : "nonblock");
    int at = listener;
    if (wait == "events") {
      at = program.number("epoll");
      REQUIRE(program.call(with("watch", at, "add " + std::to_string(listener))) == "0");
    }
    program.begin(with(wait, at, wait == "accept" ? "" : "20000"));
    program.expect(RecordKind::kReady, 8);
    program.await_sleep();
  }
  /// When its wait is over the program tries to accept, if it has not ended by then.
  void goes_on() {
    (void)holds_within(kPatience, [&] { return program.answered() || !is_alive(program.pid()); });
    if (is_alive(program.pid()) && program.answer().starts_with("1")) program.begin(with("accept", listener));
  }

  Hosted program;
  int listener = -1;
};

/// Whether the program has ended as its own signal ends it, or by exit().
bool ended_quietly(int status) { return status == 0 || status == -SIGTERM; }

double cpu_of(pid_t pid) { return process_stat(pid).cpu_seconds; }

void pass(int milliseconds) {
  const timespec time{.tv_sec = 0, .tv_nsec = milliseconds * 1'000'000L};
  (void)::nanosleep(&time, nullptr);
}

}  // namespace

TEST_CASE("FAULTS 256: an idle program without a handler ends at Drain, however it waits") {
  for (const std::string& wait : kWaits) {
    CAPTURE(wait);
    Waiting it(wait, "");
    it.program.say(RecordKind::kDrain);
    if (wait != "accept") it.goes_on();
    CHECK(ended_quietly(it.program.await_exit()));
  }
}

TEST_CASE(
    "FAULTS 256: an idle program with a handler gets its signal once at Drain, and accept() says EINTR") {
  Waiting it("accept", "handler");
  it.program.say(RecordKind::kDrain);
  CHECK(it.program.answer() == "-1 EINTR");
  CHECK(it.program.call("caught") == "1");
  CHECK(it.program.call(with("close", it.listener)) == "0");
  CHECK(it.program.call("caught") == "1");
  it.program.begin("exit 0");
  CHECK(it.program.await_exit() == 0);
}

TEST_CASE("a handler that ends the program decides its exit status") {
  for (const std::string& wait : kWaits) {
    CAPTURE(wait);
    Waiting it(wait, "leave");
    it.program.say(RecordKind::kDrain);
    if (wait != "accept") it.goes_on();
    CHECK(it.program.await_exit() == 7);
  }
}

TEST_CASE("FAULTS 256: an idle program that ignores the signal ends at Drain, too") {
  for (const std::string& wait : kWaits) {
    CAPTURE(wait);
    Waiting it(wait, "ignore");
    it.program.say(RecordKind::kDrain);
    if (wait != "accept") it.goes_on();
    CHECK(it.program.await_exit() == 0);
  }
}

TEST_CASE("a draining program finishes its connections first, and then gets the signal") {
  Hosted program;
  REQUIRE(program.call("signal 15 handler") == "0");
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  program.say(RecordKind::kDrain);
  CHECK(program.call(with("poll", listener, "20000")) != "-1");
  CHECK(program.call(with("accept", listener)) == "-1 EAGAIN");
  CHECK(program.call("caught") == "0");
  program.client(ticket).send("a");
  CHECK(program.call(with("read", connection, "5")) == "1 a");
  CHECK(program.call("caught") == "0");
  CHECK(program.call(with("close", connection)) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
  eventually("the signal comes", [&] { return program.call("caught") == "1"; });
  pass(150);
  CHECK(program.call("caught") == "1");
}

TEST_CASE("with drain now the signal comes at once, and the connections go on") {
  Hosted program({.drain = "now", .drain_signal = SIGQUIT});
  REQUIRE(program.call("signal 3 handler") == "0");
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  program.say(RecordKind::kDrain);
  eventually("the signal comes", [&] {
    (void)program.call(with("accept", listener));
    return program.call("caught") == "1";
  });
  CHECK(program.quiet());
  CHECK(program.call(with("close", connection)) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
  pass(150);
  CHECK(program.call("caught") == "1");
}

TEST_CASE("with drain now a program without a handler ends when it is idle") {
  Hosted program({.drain = "now"});
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  program.say(RecordKind::kDrain);
  CHECK(program.call(with("accept", listener)) == "-1 EAGAIN");
  program.client(ticket).send("a");
  CHECK(program.call(with("read", connection, "5")) == "1 a");
  CHECK(is_alive(program.pid()));
  program.begin(with("close", connection));
  program.expect(RecordKind::kIdle, ticket);
  CHECK(ended_quietly(program.await_exit()));
}

TEST_CASE(
    "while a program drains, a connection that is kept for a further request ends, and one in progress does "
    "not") {
  Hosted program;
  REQUIRE(program.call("signal 15 handler") == "0");
  const int listener = program.ready();
  const std::uint64_t kept = program.dispatch();
  const int answered = program.accepts(listener, kept);
  const std::uint64_t begun = program.dispatch();
  const int unanswered = program.accepts(listener, begun);
  for (const auto& [ticket, connection] : {std::pair{kept, answered}, std::pair{begun, unanswered}}) {
    program.client(ticket).send("a");
    CHECK(program.call(with("read", connection, "5")) == "1 a");
  }
  CHECK(program.call(with("write", answered, "answer")) == "6");
  CHECK(program.client(kept).receive(6) == "answer");
  program.say(RecordKind::kDrain);
  CHECK(program.call(with("accept", listener)) == "-1 EAGAIN");
  CHECK(program.call(with("read", answered, "5")) == "0");
  CHECK(program.call(with("close", answered)) == "0");
  program.expect_now(RecordKind::kIdle, kept);
  // The other one waits for its answer as long as it takes.
  CHECK(program.call(with("poll", unanswered, "400")) == "0");
  CHECK(program.call("caught") == "0");
  CHECK(program.call(with("close", unanswered)) == "0");
  program.expect_now(RecordKind::kIdle, begun);
  eventually("the signal comes", [&] { return program.call("caught") == "1"; });
}

TEST_CASE("a program that has left gets no signal at Drain: it ends by itself") {
  Hosted program;
  REQUIRE(program.call("signal 15 handler") == "0");
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  program.begin(with("close", listener));
  program.expect(RecordKind::kLeave);
  program.say(RecordKind::kDrain);
  CHECK(program.answer() == "0");
  CHECK(program.call(with("close", connection)) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
  pass(150);
  CHECK(program.call("caught") == "0");
  program.begin("exit 5");
  CHECK(program.await_exit() == 5);
}

TEST_CASE("a connection that comes before Drain in the channel is served") {
  Hosted program;
  REQUIRE(program.call("signal 15 handler") == "0");
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  program.say(RecordKind::kDrain);
  const int connection = program.accepts(listener, ticket);
  CHECK(program.call("caught") == "0");
  CHECK(program.call(with("close", connection)) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
  eventually("the signal comes", [&] {
    (void)program.call(with("accept", listener));
    return program.call("caught") == "1";
  });
}

TEST_CASE("FAULTS 261: a program whose supervisor has gone ends when it is idle, however it waits") {
  for (const std::string& wait : kWaits) {
    CAPTURE(wait);
    Waiting it(wait, "");
    it.program.close_channel();
    if (wait != "accept") it.goes_on();
    CHECK(ended_quietly(it.program.await_exit()));
  }
}

TEST_CASE("FAULTS 261: a program whose supervisor has gone serves what it has first") {
  Hosted program({.keeps_copies = false});
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  program.close_channel();
  program.allow_unanswered();
  (void)program.call(with("accept", listener));
  program.client(ticket).send("a");
  CHECK(program.call(with("read", connection, "5")) == "1 a");
  CHECK(program.call(with("write", connection, "answer")) == "6");
  program.begin(with("close", connection));
  CHECK(ended_quietly(program.await_exit()));
  CHECK(program.client(ticket).receive() == "answer");
}

TEST_CASE("FAULTS 261: the end of the channel, which stays readable, does not make a program spin") {
  Hosted program;
  REQUIRE(program.call("signal 15 handler") == "0");
  const int listener = program.ready();
  program.close_channel();
  const double before = cpu_of(program.pid());
  std::size_t turns = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (std::chrono::steady_clock::now() < until && is_alive(program.pid())) {
    program.begin(with("poll", listener, "20"));
    if (!holds_within(std::chrono::seconds(2),
                      [&] { return program.answered() || !is_alive(program.pid()); }))
      break;
    if (!is_alive(program.pid())) break;
    (void)program.answer();
    program.begin(with("accept", listener));
    if (!holds_within(std::chrono::seconds(2),
                      [&] { return program.answered() || !is_alive(program.pid()); }))
      break;
    if (!is_alive(program.pid())) break;
    (void)program.answer();
    ++turns;
  }
  CHECK(turns < 60);
  CHECK(cpu_of(program.pid()) - before < 0.2);
}

TEST_CASE("FAULTS 261: a prefork master and its children end when the supervisor has gone") {
  for (const std::string disposition : {"default", "leave"}) {
    CAPTURE(disposition);
    Hosted program;
    const int listener = program.listens();
    REQUIRE(program.call("signal 15 " + disposition) == "0");
    std::vector<pid_t> children;
    for (int i = 0; i < 3; ++i) children.push_back(program.number("fork " + std::to_string(i)));
    for (int i = 1; i <= 3; ++i) program.begin(with("accept", listener), i);
    program.expect(RecordKind::kReady, 8);
    program.close_channel();
    const int status = program.await_exit();
    CHECK((ended_quietly(status) || status == 7));
    eventually("no child is left", [&] { return program.processes().empty(); });
  }
}

TEST_CASE("FAULTS 261: a program that has not listened yet is not harmed by the end of its channel") {
  Hosted program;
  program.close_channel();
  CHECK(program.number("getpid") == program.pid());
  CHECK(program.call("caught") == "0");
  program.begin("exit 0");
  CHECK(program.await_exit() == 0);
}

}  // namespace prefork::test
