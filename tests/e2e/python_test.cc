// A worker in a language without a library.
#include <doctest/doctest.h>

#include <csignal>
#include <string>

#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

TEST_CASE("a worker in plain Python serves under the supervisor, and leaves when it is told to") {
  SupervisorUnderTest supervisor(
      {.command = {"python3", std::string(SOURCE_ROOT) + "/tests/support/python_worker.py"}, .workers = 2});
  for (int i = 0; i < 5; ++i) CHECK(ask(supervisor.address(), "hello") == "HELLO");
  const PoolTable pool =
      supervisor.wait_for_pool("all are served", [](const PoolTable& now) { return now["served"] == 5; });
  CHECK(pool["violations"] == 0);
  supervisor.wait_for_idle(2);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("a template in plain Python forks workers that serve, and survives none of them being left") {
  SupervisorUnderTest supervisor(
      {.command = {"python3", std::string(SOURCE_ROOT) + "/tests/support/python_template.py"},
       .workers = 3,
       .more = R"("start": "fork")"});
  const PoolTable before = supervisor.wait_for_idle(3);
  for (int i = 0; i < 6; ++i) CHECK(ask(supervisor.address(), "hello") == "HELLO");
  for (const WorkerText& worker : before.workers) {
    if (worker.state != "template") REQUIRE(::kill(worker.pid, SIGKILL) == 0);
  }
  supervisor.wait_for_pool("three others serve",
                           [](const PoolTable& now) { return now.count("idle") == 3 && now["starts"] == 7; });
  CHECK(ask(supervisor.address(), "hello") == "HELLO");
  CHECK(supervisor.stop() == 0);
}
