// A worker that does not send its receipt in time.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

const std::string kSoon = R"("health": {"receipt_timeout": "500ms"}, "restart": {"backoff_min": "10ms"})";

/// `then` happens when the victim has been sent the connection.
void check_answered_by_another(
    SupervisorUnderTest& supervisor, pid_t victim, const std::function<void()>& then = [] {}) {
  Client client(supervisor.address());
  client.send("hello");
  eventually("it is sent", [&] { return supervisor.pool()["dispatched"] >= 1; });
  then();
  CHECK(client.receive() == "hello");
  CHECK(supervisor.gates().marks("served").size() == 1);
  CHECK(supervisor.gates().marks("served").front() != victim);
  CHECK(!is_alive(victim));
  CHECK(because(death_of(supervisor, victim), prefork::StopReason::kReceiptTimeout));
  const PoolTable pool =
      supervisor.wait_for_pool("one is served", [](const PoolTable& now) { return now["served"] == 1; });
  CHECK(pool["redispatched"] == 1);
  CHECK(pool["lost"] == 0);
}

}  // namespace

TEST_CASE("FAULTS 9: a worker stopped with an undelivered connection is killed, and another one answers") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ready", "mark:ready", "gate:never"}), .more = kSoon});
  const pid_t victim = supervisor.gates().wait_for_marks("ready").at(0);
  check_answered_by_another(supervisor, victim, [&] { REQUIRE(::kill(victim, SIGSTOP) == 0); });
}

TEST_CASE(
    "FAULTS 9: a worker that hangs between receiving a connection and its receipt is killed, and another one "
    "answers") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ready", "mark:ready", "recv", "hang"}), .more = kSoon});
  check_answered_by_another(supervisor, supervisor.gates().wait_for_marks("ready").at(0));
}

TEST_CASE("a worker that has sent its receipt may take longer than the receipt timeout") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"ready", "recv", "busy", "gate:go", "write:late", "shutdown", "close", "idle"}),
       .more = R"("health": {"receipt_timeout": "500ms"})"});
  Client client(supervisor.address());
  const auto start = std::chrono::steady_clock::now();
  supervisor.wait_for_pool("it has begun", [](const PoolTable& pool) { return pool["begun"] == 1; });
  eventually("the receipt would be overdue",
             [&] { return std::chrono::steady_clock::now() - start > std::chrono::milliseconds(600); });
  CHECK(supervisor.pool().count("busy") == 1);
  supervisor.gates().open("go");
  CHECK(client.receive() == "late");
}
