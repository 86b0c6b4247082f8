// When the machine or the process is short of something, clients wait, the supervisor does not spin, and
// nothing is lost.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/log_lines.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

void limit_descriptors(pid_t pid, std::size_t soft) {
  rlimit limit{};
  REQUIRE(::prlimit(pid, RLIMIT_NOFILE, nullptr, &limit) == 0);
  limit.rlim_cur = soft;
  REQUIRE(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr) == 0);
}

/// A supervisor whose system calls fail as strace's `injections` say. They count all calls: so it has nobody
/// at its control socket before a test asks.
SupervisorUnderTest::Options failing(const std::vector<std::string>& injections) {
  std::vector<std::string> command = {"strace", "-D", "-qq", "-o", "/dev/null"};
  for (const std::string& injection : injections)
    command.insert(command.end(), {"-e", "inject=" + injection});
  return {.subscribe = false, .before = command};
}

}  // namespace

TEST_CASE(
    "FAULTS 30: out of descriptors the supervisor stops accepting, does not spin, and loses no client") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  rlimit former{};
  REQUIRE(::prlimit(supervisor.pid(), RLIMIT_NOFILE, nullptr, &former) == 0);
  limit_descriptors(supervisor.pid(), descriptors_of(supervisor.pid()) + 3);
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(supervisor.address());
  supervisor.wait_for_pool("accepting is paused", [](const PoolTable& now) { return now.paused; });
  CHECK(supervisor.wait_for_log(log_line::kPaused).ends_with(std::strerror(EMFILE)));
  const double before = process_stat(supervisor.pid()).cpu_seconds;
  CHECK_FALSE(holds_within(std::chrono::seconds(1), [] { return false; }));  // a second passes
  // One that spins uses all of it. Counted in hundredths of a second.
  CHECK(process_stat(supervisor.pid()).cpu_seconds - before < 0.1);
  CHECK(supervisor.pool()["accepted"] < 20);
  limit_descriptors(supervisor.pid(), former.rlim_cur);
  for (Client& client : clients) {
    client.send("hello");
    CHECK(client.receive() == "hello");
  }
  const PoolTable after =
      supervisor.wait_for_pool("all are served", [](const PoolTable& now) { return now["served"] == 20; });
  CHECK_FALSE(after.paused);
  CHECK(after["accepted"] == 20);
}

TEST_CASE("FAULTS 30: out of descriptors a dead worker is replaced as soon as there is one") {
  SupervisorUnderTest supervisor(PoolText{.workers = 2});
  const PoolTable before = supervisor.wait_for_idle(2);
  rlimit former{};
  REQUIRE(::prlimit(supervisor.pid(), RLIMIT_NOFILE, nullptr, &former) == 0);
  limit_descriptors(supervisor.pid(), 4);
  REQUIRE(::kill(before.pids().at(0), SIGKILL) == 0);
  supervisor.wait_for_event("worker_died", where("how", "not_started"));
  limit_descriptors(supervisor.pid(), former.rlim_cur);
  supervisor.wait_for_idle(2);
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE(
    "FAULTS 31: when the kernel is short of files or memory, accepting pauses and the client is served "
    "then") {
  for (const std::string error : {"ENFILE", "ENOBUFS", "ENOMEM"}) {
    CAPTURE(error);
    SupervisorUnderTest supervisor(PoolText{}.text(), failing({"accept4:error=" + error + ":when=1..2"}));
    CHECK(ask(supervisor.address(), "hello") == "hello");
    CHECK(supervisor.count_in_log(log_line::kPaused) == 1);
    CHECK(supervisor.wait_for_idle(1)["served"] == 1);
  }
}

TEST_CASE("FAULTS 32: a connection that failed before it was accepted is skipped, and the next is served") {
  SupervisorUnderTest supervisor(PoolText{}.text(), failing({"accept4:error=ECONNABORTED:when=1..3"}));
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.count_in_log(log_line::kPaused) == 0);
}

TEST_CASE("FAULTS 32: clients that reset while they wait in the backlog do no harm") {
  SupervisorUnderTest supervisor(PoolText{.more = R"("queue": {"max": 1})"});
  Client busy(supervisor.address());
  supervisor.wait_for_pool("it is busy", [](const PoolTable& now) { return now.count("busy") == 1; });
  Client queued(supervisor.address());
  supervisor.wait_for_pool("one waits", [](const PoolTable& now) { return now["queue: now"] == 1; });
  for (int i = 0; i < 10; ++i) Client(supervisor.address()).reset();
  Client last(supervisor.address());
  last.send("last");
  busy.send("first");
  queued.send("second");
  CHECK(busy.receive() == "first");
  CHECK(queued.receive() == "second");
  CHECK(last.receive() == "last");
  CHECK(supervisor.pool()["crashes"] == 0);
}

TEST_CASE(
    "FAULTS 33: a connection that cannot be sent for want of something stays queued, and no worker is "
    "blamed") {
  for (const std::string error : {"ETOOMANYREFS", "ENOBUFS", "ENOMEM", "EAGAIN"}) {
    CAPTURE(error);
    // The first call asks the spawner for its standby, the second for the worker, the third hands it the
    // connection.
    SupervisorUnderTest supervisor(PoolText{}.text(), failing({"sendmsg:error=" + error + ":when=3..4"}));
    const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
    CHECK(ask(supervisor.address(), "hello") == "hello");
    const PoolTable pool =
        supervisor.wait_for_pool("it is served", [](const PoolTable& now) { return now["served"] == 1; });
    CHECK(pool.pids() == std::vector<pid_t>{worker});
    CHECK(pool["redispatched"] == 0);
  }
}

TEST_CASE("FAULTS 33: a request to the spawner that cannot be sent is sent later") {
  SupervisorUnderTest supervisor(PoolText{.workers = 2}.text(), failing({"sendmsg:error=ENOBUFS:when=1..3"}));
  CHECK(supervisor.wait_for_idle(2)["start_failures"] == 0);
}

TEST_CASE("FAULTS 37: a process that a worker has left behind is reaped and counted, and is no failure") {
  SupervisorUnderTest supervisor(
      PoolText{.command = scripted({"ready", "recv", "busy", "fork-holder:hold", "write:done", "shutdown",
                                    "close", "idle", "loop"})});
  CHECK(ask(supervisor.address(), "") == "done");
  const pid_t stranger = supervisor.gates().wait_for_marks("hold.held").at(0);
  eventually("it is the supervisor's child",
             [&] { return process_stat(stranger).parent == supervisor.pid(); });
  supervisor.gates().open("hold");
  eventually("it is gone", [&] { return process_stat(stranger).state == '?'; });
  eventually("it is counted", [&] { return supervisor.status().strangers_reaped == 1; });
  const PoolTable pool = supervisor.wait_for_idle(1);
  CHECK(pool["crashes"] + pool["start_failures"] == 0);
  CHECK(supervisor.status().strangers_reaped == 1);
}

TEST_CASE("FAULTS 36, 37: strangers that end together with workers are told apart from them") {
  SupervisorUnderTest supervisor(
      PoolText{.command = scripted({"fork-holder:hold", "ready", "recv", "busy", "die:KILL"}), .workers = 4});
  supervisor.wait_for_idle(4);
  supervisor.gates().wait_for_marks("hold.held", 4);
  supervisor.gates().open_for_good("hold");
  for (int i = 0; i < 4; ++i) CHECK(ask(supervisor.address(), "") == "");
  const PoolTable pool =
      supervisor.wait_for_pool("four have died and been replaced", [](const PoolTable& now) {
        return now["crashes"] + now["start_failures"] >= 4 && now.count("idle") == 4;
      });
  CHECK(pool["lost"] == 4);
  eventually("all strangers are reaped", [&] { return children_of(supervisor.pid()).size() == 6; });
}

TEST_CASE(
    "FAULTS 30: a stop when it is out of descriptors serves the clients in the backlog, as others make "
    "room") {
  SupervisorUnderTest supervisor({.more = R"("wait_for_data": true)"});
  supervisor.wait_for_idle(1);
  constexpr std::size_t kSilent = 60;
  std::vector<Client> silent;
  for (std::size_t i = 0; i < kSilent; ++i) silent.emplace_back(supervisor.address());
  supervisor.wait_for_pool("all are in the lobby",
                           [](const PoolTable& now) { return now["accepted"] == kSilent; });
  limit_descriptors(supervisor.pid(),
                    static_cast<std::size_t>(descriptor_numbers_of(supervisor.pid()).back()) + 3);
  supervisor.signal(SIGSTOP);
  std::vector<Client> asking;
  for (int i = 0; i < 40; ++i) {
    asking.emplace_back(supervisor.address());
    asking.back().send("hello");
    asking.back().finish();
  }
  supervisor.signal(SIGTERM);
  supervisor.signal(SIGCONT);
  for (Client& client : asking) CHECK(client.receive() == "hello");
  CHECK(supervisor.await_exit() == 0);
}
