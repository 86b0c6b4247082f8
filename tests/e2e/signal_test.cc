// Signals that do not end the supervisor.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

TEST_CASE("SIGTTIN starts one worker more, SIGTTOU ends one, and SIGHUP goes back to the file") {
  SupervisorUnderTest supervisor(PoolText{.workers = 2});
  supervisor.wait_for_idle(2);
  supervisor.signal(SIGTTIN);
  CHECK(supervisor.wait_for_idle(3)["configured"] == 2);
  supervisor.signal(SIGTTOU);
  supervisor.wait_for_idle(2);
  supervisor.signal(SIGTTOU);
  supervisor.wait_for_idle(1);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_idle(2);
}

TEST_CASE("SIGTTOU does not go below nothing, and SIGTTIN comes back from it") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  supervisor.signal(SIGTTOU);
  supervisor.wait_for_idle(0);
  supervisor.signal(SIGTTOU);
  supervisor.wait_for_log("pool main: stays at 0 workers; allowed are 0 to 4096");
  Client client(supervisor.address());
  client.send("hello");
  supervisor.signal(SIGTTIN);
  CHECK(client.receive() == "hello");
}

TEST_CASE("SIGTTOU lets a busy worker finish") {
  SupervisorUnderTest supervisor(PoolText{});
  Client client(supervisor.address());
  supervisor.wait_for_pool("it is busy", [](const PoolTable& now) { return now.count("busy") == 1; });
  supervisor.signal(SIGTTOU);
  supervisor.wait_for_pool("it is to leave", [](const PoolTable& now) { return now.count("draining") == 1; });
  client.send("hello");
  CHECK(client.receive() == "hello");
  const PoolTable after = supervisor.wait_for_idle(0);
  CHECK(after["served"] == 1);
  CHECK(after["crashes"] == 0);
}

TEST_CASE("FAULTS 42: a storm of SIGUSR1 makes at most ten tables a second, and the service goes on") {
  SupervisorUnderTest supervisor(PoolText{.command = {"supervisor-worker", "line"}, .workers = 2});
  supervisor.wait_for_idle(2);
  Load load(supervisor.address(), "W 0\n", 2);
  const std::size_t before = supervisor.count_in_log("scoreboard: ");
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 2000; ++i) {
    supervisor.signal(SIGUSR1);
    if (i % 100 == 0) load.wait_for_answers(1);
  }
  load.wait_for_answers(50);
  std::size_t tables = 0;
  eventually("a table", [&] { return (tables = supervisor.count_in_log("scoreboard: ") - before) > 0; });
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(tables <= static_cast<std::size_t>(took / std::chrono::milliseconds(100)) + 2);
  CHECK(load.stop().flawless());
}

TEST_CASE("FAULTS 42: the last SIGUSR1 of many is answered") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    CHECK(ask(supervisor.address(), "hello") == "hello");
    supervisor.wait_for_pool("it is counted", [&](const PoolTable& now) { return now["served"] == i; });
    for (int signals = 0; signals < 3; ++signals) supervisor.signal(SIGUSR1);
    supervisor.wait_for_log("served " + std::to_string(i) + ", ");
  }
}

TEST_CASE("a signal to the spawners does not reach the service") {
  SupervisorUnderTest supervisor(PoolText{.workers = 2});
  const PoolTable before = supervisor.wait_for_idle(2);
  std::vector<pid_t> spawners;
  eventually("there are two spawners", [&] { return (spawners = supervisor.status().spawners).size() == 2; });
  for (const ProcessStat& child : children_of(supervisor.pid())) {
    if (child.name == "spawner") REQUIRE(::kill(child.pid, SIGTERM) == 0);  // ignored
  }
  REQUIRE(::kill(before.pids().at(0), SIGKILL) == 0);
  supervisor.wait_for_pool("another worker is started", [&](const PoolTable& now) {
    return now.count("idle") == 2 && now.pids() != before.pids();
  });
  CHECK(supervisor.status().spawners == spawners);
}
