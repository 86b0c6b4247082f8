// Each dialect: workers that are stopped, hang, never get ready, or end at once.
#include <doctest/doctest.h>

#include <csignal>
#include <string>

#include "tests/e2e/deaths.h"
#include "tests/e2e/dialects.h"
#include "tests/e2e/outside.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::StopReason;

TEST_CASE(
    "FAULTS 8 in each dialect: a worker that is stopped while idle gets nothing until it is continued") {
  in_each_dialect({8}, {.workers = 2}, [](const Scene& scene) {
    const pid_t stopped = scene.worker();
    REQUIRE(::kill(stopped, SIGSTOP) == 0);
    scene.wait_for_pool("it is noticed", [](const PoolTable& now) { return now.count("stopped") == 1; });
    for (int i = 0; i < 3; ++i) scene.check_serves();
    for (const WorkerText& worker : scene.check_served(3).workers) {
      if (worker.pid == stopped) CHECK(worker.served == 0);
    }
    REQUIRE(::kill(stopped, SIGCONT) == 0);
    scene.wait_for_pool("it is continued", [](const PoolTable& now) { return now.count("stopped") == 0; });
    scene.check_serves();
  });
}

TEST_CASE("FAULTS 9 in each dialect: a worker that begins nothing within receipt_timeout is killed") {
  if (without_tracing()) return;
  in_each_dialect({9}, {.more = R"("health": {"receipt_timeout": "300ms"})"}, [](const Scene& scene) {
    const pid_t victim = scene.worker();
    const Frozen frozen(scene.speaker(victim));
    scene.check_serves();
    CHECK(because(death_of(scene.supervisor(), victim), StopReason::kReceiptTimeout));
    (void)scene.check_served(1);
  });
}

TEST_CASE("FAULTS 10 in each dialect: a worker that hangs while it serves is ended after busy_timeout") {
  in_each_dialect({10}, {.more = R"("health": {"busy_timeout": "400ms", "kill_timeout": "100ms"})"},
                  [](const Scene& scene) {
                    const pid_t victim = scene.worker();
                    Client client(scene.address());
                    client.send("block\n");
                    CHECK(client.receive().empty());
                    CHECK(because(death_of(scene.supervisor(), victim), StopReason::kBusyTimeout));
                    scene.check_serves();
                    CHECK(scene.pool()["lost"] == 1);
                  });
}

TEST_CASE("FAULTS 12 in each dialect: a worker that is never ready is killed after start_timeout") {
  in_each_dialect({12},
                  {.more = R"("health": {"start_timeout": "200ms", "kill_timeout": "100ms"})",
                   .command = {"/bin/sleep", "1000"},
                   .idle = false},
                  [](const Scene& scene) {
                    const EventText died = death_of(scene.supervisor(), scene.dialect().name, 1);
                    CHECK(because(died, StopReason::kStartTimeout));
                    scene.wait_for_pool("this counts",
                                        [](const PoolTable& now) { return now["start_failures"] > 0; });
                  });
}

TEST_CASE("FAULTS 13 in each dialect: a program that ends at once is not started all the time") {
  in_each_dialect({13}, {.workers = 4, .backoff = "100ms", .command = {"/bin/false"}, .idle = false},
                  [](const Scene& scene) {
                    const Client waits(scene.address());
                    const PoolTable now = scene.wait_for_pool(
                        "it has failed again",
                        [](const PoolTable& pool) { return pool["start_failures"] >= 2; });
                    CHECK(now["starts"] <= 10);
                    CHECK(now["gave_up"] == 0);
                    CHECK(waits.silent());
                  });
}
