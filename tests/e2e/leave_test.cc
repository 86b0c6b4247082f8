// Workers that leave by themselves, of real programs: the record Leave.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <string>

#include "supervisor/core/worker_state.h"
#include "tests/e2e/deaths.h"
#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork;
using namespace prefork::test;

TEST_CASE("FAULTS 201: workers that leave under load, hundreds of times, lose nothing and are not blamed") {
  SupervisorUnderTest supervisor(
      {.command = {"supervisor-worker", "line", "--leave-after", "25"}, .workers = 4});
  Load load(supervisor.address(), "W 0\n", 8);
  supervisor.wait_for_pool("100 workers have left",
                           [](const PoolTable& now) { return now["starts"] >= 104; });
  const Load::Tally tally = load.stop();
  CHECK(tally.flawless());
  const PoolTable pool = supervisor.wait_for_idle(4);
  for (const char* counter : {"crashes", "start_failures", "violations", "lost", "gave_up", "rejected"}) {
    CAPTURE(counter);
    CHECK(pool[counter] == 0);
  }
  std::uint64_t most = 0;
  for (const auto& [pid, answers] : tally.answers_of) most = std::max(most, answers);
  CHECK(most <= 25);
  CHECK(because(supervisor.wait_for_event("worker_died"), StopReason::kLeft));
}

TEST_CASE("FAULTS 200: what a worker gives back by leaving is served by another while the first lives on") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:leaver", "ready:slots=2", "recv", "busy", "gate:second", "leave",
                            "gate:over", "idle", "die:exit=0"}),
       .more = R"("connections_per_worker": 2)"});
  Client first(supervisor.address());
  supervisor.wait_for_pool("it is begun", [](const PoolTable& now) { return now["begun"] == 1; });
  Client second(supervisor.address());
  second.send("hello");
  supervisor.wait_for_pool("the other is sent", [](const PoolTable& now) { return now["dispatched"] == 2; });
  supervisor.gates().open("second");
  // The first worker is alive, and holds an unread copy of this client's socket.
  CHECK(second.receive() == "hello");
  CHECK(supervisor.events("worker_died").empty());
  supervisor.gates().open("over");
  CHECK(because(supervisor.wait_for_event("worker_died"), StopReason::kLeft));
  CHECK(supervisor.pool()["crashes"] == 0);
}

TEST_CASE("FAULTS 207: a worker that an operator sends SIGTERM leaves: nothing is lost, and it is no crash") {
  SupervisorUnderTest supervisor({.command = {"supervisor-worker", "line"}, .workers = 2});
  Load load(supervisor.address(), "W 100\n", 4);
  load.wait_for_answers(50);
  for (int i = 0; i < 10; ++i) {
    pid_t victim = 0;
    supervisor.wait_for_pool("a worker has served", [&](const PoolTable& now) {
      for (const WorkerText& worker : now.workers) {
        if (worker.served > 0) victim = worker.pid;
      }
      return victim != 0;
    });
    (void)::kill(victim, SIGTERM);
    CHECK(because(death_of(supervisor, victim), StopReason::kLeft));
  }
  CHECK(load.stop().flawless());
  const StatusText status = supervisor.status();
  CHECK(status.pools.front()["crashes"] == 0);
  CHECK(status.pools.front()["lost"] == 0);
}
