// A new command is tried with one worker before the old ones leave.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::StopReason;

namespace {

/// A pool under load, to which a command is rolled out that must not take over: its first worker dies so.
void check_that_it_fails(std::vector<std::string> command, const std::string& more,
                         const EventCondition& dies_so, const std::string& probation = R"({"time": "10s"})") {
  PoolText pool{.command = {"supervisor-worker", "line"}, .workers = 3, .more = more};
  SupervisorUnderTest supervisor(pool);
  const std::vector<pid_t> before = supervisor.wait_for_idle(3).pids();
  Load load(supervisor.address(), "W 0\n", 4);
  load.wait_for_answers(10);
  pool.command = std::move(command);
  pool.probation = probation;
  supervisor.rewrite_config(pool);
  supervisor.signal(SIGHUP);
  const EventText failed = supervisor.wait_for_event("rollout", where("stage", "failed"));
  CHECK(failed.number("generation") == 2);
  const EventText died = supervisor.wait_for_event("worker_died", where("generation", 2));
  CHECK_MESSAGE(dies_so(died), died.json);
  CHECK(failed.text("text") == died.text("text"));
  load.wait_for_answers(100);
  const PoolTable after = supervisor.pool();
  CHECK(after.pids() == before);
  CHECK(after["generation"] == 1);
  CHECK(supervisor.events("rollout", where("stage", "failed")).size() == 1);
  // Their like is started from what they were started from.
  REQUIRE(::kill(before[0], SIGKILL) == 0);
  supervisor.wait_for_pool("the old generation heals itself", [](const PoolTable& now) {
    return now["workers"] == 3 && now["generation"] == 1 && now.workers.size() == 3;
  });
  const Load::Tally tally = load.stop();
  CHECK(tally.hung == 0);
  CHECK(tally.refused == 0);
  CHECK(tally.connected - tally.answered <= 1 + after["lost"]);  // the one that was killed may have had one
}

}  // namespace

TEST_CASE("after a rollout that failed, the same file tries again, and the old file replaces nothing") {
  const PoolText old{.workers = 2};
  PoolText changed = old;
  SupervisorUnderTest supervisor(old);
  const std::vector<pid_t> before = supervisor.wait_for_idle(2).pids();
  const auto reload = [&](const PoolText& pool) {
    supervisor.rewrite_config(pool);
    return run_supervisor({"reload", "--control", supervisor.control()}).output;
  };
  const auto generation_dies = [&](int generation) {
    return supervisor.wait_for_event("worker_died", where("generation", generation));
  };
  changed.command = {"/bin/false"};
  CHECK(reload(changed) == "pool main: reloaded, workers are replaced: command\n");
  supervisor.wait_for_event("rollout", where("stage", "failed"));
  CHECK(reload(changed) == "pool main: reloaded, unchanged; the rollout that failed is tried again\n");
  generation_dies(3);
  CHECK(reload(old) == "pool main: reloaded, the workers that serve already run it: command\n");
  CHECK(reload(old) == "pool main: reloaded, unchanged\n");
  changed.command = scripted({"mark:hangs", "hang"});
  CHECK(reload(changed) == "pool main: reloaded, workers are replaced: command\n");
  supervisor.gates().wait_for_marks("hangs");
  CHECK(reload(changed) == "pool main: reloaded, unchanged\n");
  CHECK(reload(old) == "pool main: reloaded, the workers that serve already run it: command\n");
  CHECK(generation_dies(4).flag("planned"));
  CHECK(supervisor.wait_for_idle(2).pids() == before);
  CHECK(supervisor.events("rollout", where("stage", "trial")).size() == 3);
}

TEST_CASE("a rollout to a command that exits fails, and nothing else happens") {
  check_that_it_fails({"/bin/false"}, "", [](const EventText& died) { return by_exit(died, 1); });
}

TEST_CASE("a rollout to a command that never gets ready fails at start_timeout") {
  check_that_it_fails(scripted({"hang"}), R"("health": {"start_timeout": "1s"})",
                      [](const EventText& died) { return because(died, StopReason::kStartTimeout); });
}

TEST_CASE("a rollout to a command that crashes at its first connection fails, and the connection is served") {
  check_that_it_fails(scripted({"ready", "recv", "die:KILL"}), "", [](const EventText& died) {
    return by_signal(died, SIGKILL) && because(died, StopReason::kNone);
  });
}

TEST_CASE("FAULTS 118: a rollout to a command that hangs at its first connection fails") {
  const auto failed = [](const EventText& died) { return because(died, StopReason::kFailedTrial); };
  SUBCASE("before Busy") { check_that_it_fails(scripted({"ready", "recv", "hang"}), "", failed, "{}"); }
  SUBCASE("after Busy") {
    check_that_it_fails(scripted({"ready", "recv", "busy", "hang"}), "", failed, "{}");
  }
}

TEST_CASE("FAULTS 119: a rollout to a command that refuses its connections fails") {
  check_that_it_fails(
      scripted({"ready", "recv", "close", "refused", "loop"}), "",
      [](const EventText& died) {
        return because(died, StopReason::kFailedTrial) && died.number("refused") > 0;
      },
      R"({"time": "200ms"})");
}

TEST_CASE("a rollout to a command that is not there any more says so") {
  const TestDirectory files;
  const std::string program = files.write("program", "#!/bin/sh\nexit 3\n", 0755);
  check_that_it_fails({program}, "", [](const EventText& died) { return by_exit(died, 3); });
}

TEST_CASE("a rollout that failed is tried again by the next reload") {
  PoolText pool{.command = {"supervisor-worker", "line"}, .workers = 2};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_idle(2);
  const TestDirectory files;
  pool.command = {files.write("program", "#!/bin/sh\nexit 3\n", 0755), "line"};
  supervisor.rewrite_config(pool);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_event("rollout", where("stage", "failed"));
  (void)files.write("program", "#!/bin/sh\nexec supervisor-worker \"$@\"\n", 0755);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_pool("the mended program serves", [](const PoolTable& now) {
    return now["generation"] == 3 && now.workers.size() == 2 && now.count("idle") == 2;
  });
  CHECK(ask(supervisor.address(), "W 0\n").starts_with("OK "));
}

TEST_CASE("under load, one rollout after the other: no connection fails") {
  PoolText pool{.command = {"supervisor-worker", "line"}, .workers = 4};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_idle(4);
  Load load(supervisor.address(), "S 1000\n", 6);
  constexpr int kRollouts = 50;
  for (int i = 1; i <= kRollouts; ++i) {
    pool.more = R"("environment": {"RELEASE": ")" + std::to_string(i) + "\"}";
    supervisor.rewrite_config(pool);
    supervisor.signal(SIGHUP);
    supervisor.wait_for_event("rollout", [i](const EventText& event) {
      return event.text("stage") == "takes_over" && event.number("generation") == i + 1;
    });
  }
  supervisor.wait_for_pool("only the last one is left", [](const PoolTable& now) {
    const bool last = std::all_of(now.workers.begin(), now.workers.end(), [](const WorkerText& worker) {
      return worker.generation == kRollouts + 1;
    });
    return last && now.workers.size() == 4;
  });
  CHECK(load.stop().flawless());
}
