// `start: fork`: a template, and the workers that it forks, under the real supervisor.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <string>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::StopReason;

namespace {

const std::string kFork = R"("start": "fork")";

pid_t template_of(const PoolTable& pool) {
  const auto found = std::find_if(pool.workers.begin(), pool.workers.end(),
                                  [](const WorkerText& worker) { return worker.state == "template"; });
  return found == pool.workers.end() ? 0 : found->pid;
}

/// The workers' pids, without the template's.
std::vector<pid_t> workers_of(const PoolTable& pool) {
  std::vector<pid_t> pids = pool.pids();
  std::erase(pids, template_of(pool));
  return pids;
}

void check_that_it_serves(SupervisorUnderTest& supervisor) {
  for (int i = 0; i < 4; ++i) CHECK(ask(supervisor.address(), "hello") == "hello");
}

}  // namespace

TEST_CASE("a template's workers are the supervisor's own children, and serve") {
  SupervisorUnderTest supervisor({.workers = 3, .more = kFork});
  const PoolTable pool = supervisor.wait_for_idle(3);
  CHECK(template_of(pool) > 0);
  REQUIRE(workers_of(pool).size() == 3);
  for (const pid_t worker : workers_of(pool)) CHECK(process_stat(worker).parent == supervisor.pid());
  check_that_it_serves(supervisor);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("FAULTS 1: a forked worker that is killed is replaced by a fork of the same template") {
  SupervisorUnderTest supervisor({.workers = 2, .more = kFork});
  const PoolTable before = supervisor.wait_for_idle(2);
  const pid_t victim = workers_of(before).at(0);
  REQUIRE(::kill(victim, SIGKILL) == 0);
  const PoolTable after = supervisor.wait_for_pool("it is replaced", [&](const PoolTable& pool) {
    return pool.count("idle") == 2 && workers_of(pool) != workers_of(before);
  });
  CHECK(template_of(after) == template_of(before));
  CHECK(by_signal(death_of(supervisor, victim), SIGKILL));
  check_that_it_serves(supervisor);
}

TEST_CASE("a template that dies is replaced, and its workers go on serving meanwhile") {
  SupervisorUnderTest supervisor({.workers = 2, .more = kFork});
  const PoolTable before = supervisor.wait_for_idle(2);
  REQUIRE(::kill(template_of(before), SIGKILL) == 0);
  check_that_it_serves(supervisor);
  const PoolTable with_new_template =
      supervisor.wait_for_pool("there is another template", [&](const PoolTable& pool) {
        return template_of(pool) > 0 && template_of(pool) != template_of(before);
      });
  CHECK(workers_of(with_new_template) == workers_of(before));
  REQUIRE(::kill(workers_of(before).at(0), SIGKILL) == 0);
  supervisor.wait_for_pool("the new template forks", [&](const PoolTable& pool) {
    return pool.count("idle") == 2 && workers_of(pool) != workers_of(before);
  });
  check_that_it_serves(supervisor);
}

TEST_CASE("FAULTS 12: a forked worker that never says Ready is known all the same, and killed") {
  std::string trouble;
  SUBCASE("it hangs") { trouble = "hang"; }
  SUBCASE("it is stopped") { trouble = "stop"; }
  SupervisorUnderTest supervisor({.command = scripted({"template", "only-first:bad", "mark:bad", trouble}),
                                  .workers = 2,
                                  .more = kFork + R"(, "health": {"start_timeout": "500ms"})"});
  const pid_t bad = supervisor.gates().wait_for_marks("bad").at(0);
  const EventText died = death_of(supervisor, bad);
  CHECK(by_signal(died, SIGKILL));
  CHECK(because(died, StopReason::kStartTimeout));
  CHECK_FALSE(is_alive(bad));
  const PoolTable pool = supervisor.wait_for_idle(2);
  CHECK(supervisor.events("worker_died", where("role", "template")).empty());
  CHECK(pool["violations"] == 0);
  // What it introduces itself with is no note for the status.
  for (const WorkerText& worker : pool.workers) CHECK(worker.note.empty());
  check_that_it_serves(supervisor);
}

TEST_CASE("FAULTS 69: a template that is stopped and wanted is replaced, and its workers serve meanwhile") {
  SupervisorUnderTest supervisor({.workers = 2, .more = kFork + R"(, "health": {"start_timeout": "500ms"})"});
  const PoolTable before = supervisor.wait_for_idle(2);
  REQUIRE(::kill(template_of(before), SIGSTOP) == 0);
  REQUIRE(::kill(workers_of(before).at(0), SIGKILL) == 0);
  check_that_it_serves(supervisor);
  const EventText died = death_of(supervisor, template_of(before));
  CHECK(by_signal(died, SIGTERM));
  CHECK(because(died, StopReason::kDoesNotFork));
  const PoolTable after = supervisor.wait_for_idle(2);
  CHECK(template_of(after) != template_of(before));
  const std::vector<pid_t> present = workers_of(after);
  CHECK(std::count(present.begin(), present.end(), workers_of(before).at(1)) == 1);
  check_that_it_serves(supervisor);
}

TEST_CASE("FAULTS 69: a template that hangs over a fork is killed and replaced") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:stuck", "send:kind=1,value=1", "take", "ignore-term", "hang"}),
       .workers = 3,
       .more = kFork + R"(, "health": {"start_timeout": "500ms", "kill_timeout": "200ms"})"});
  const auto does_not_fork = [](const EventText& died) { return because(died, StopReason::kDoesNotFork); };
  CHECK(by_signal(supervisor.wait_for_event("worker_died", does_not_fork), SIGKILL));
  supervisor.wait_for_idle(3);
  CHECK(supervisor.events("worker_died", does_not_fork).size() == 1);
  check_that_it_serves(supervisor);
}

TEST_CASE("FAULTS 104: a stranger is reaped while a forked worker has not introduced itself") {
  const PoolText silent{.command = scripted({"send:kind=1,value=1", "take", "mark:asked", "hang"}),
                        .workers = 1,
                        .more = kFork};
  const PoolText web{
      .command = scripted({"only-first:first", "fork-holder:hold", "ready", "recv", "busy", "die:KILL"})};
  SupervisorUnderTest supervisor(pools_text({{"web", web}, {"silent", silent}}), {.listeners = 2});
  supervisor.gates().wait_for_marks("asked");
  supervisor.gates().wait_for_marks("hold.held");
  eventually("the pool serves", [&] { return supervisor.status().pool("web").count("idle") == 1; });
  CHECK(ask(supervisor.address(), "") == "");
  supervisor.gates().open("hold");
  eventually("the stranger is reaped", [&] { return supervisor.status().strangers_reaped == 1; });
  CHECK(supervisor.status().pool("silent").count("starting") == 1);
}

TEST_CASE("a reload that changes what a template is started from replaces it and all of its workers") {
  SupervisorUnderTest supervisor({.workers = 2, .more = kFork});
  const PoolTable before = supervisor.wait_for_idle(2);
  supervisor.rewrite_config({.workers = 2, .more = kFork + R"(, "environment": {"COLOUR": "green"})"});
  supervisor.signal(SIGHUP);
  const PoolTable after = supervisor.wait_for_pool("all are replaced", [&](const PoolTable& pool) {
    return pool.workers.size() == 3 && pool.count("idle") == 2 && template_of(pool) != template_of(before) &&
           template_of(pool) > 0;
  });
  for (const pid_t old : before.pids()) {
    const std::vector<pid_t> present = after.pids();
    CHECK(std::count(present.begin(), present.end(), old) == 0);
    CHECK_FALSE(is_alive(old));
  }
  check_that_it_serves(supervisor);
}

TEST_CASE("FAULTS 13: a template that cannot start is tried again ever more slowly, and recovers") {
  SupervisorUnderTest supervisor({.command = scripted({"die:exit=3"}), .workers = 4, .more = kFork});
  for (int i = 0; i < 2; ++i)
    CHECK(by_exit(supervisor.wait_for_event("worker_died", where("role", "template")), 3));
  CHECK(supervisor.events("worker_died").size() <= 10);
  supervisor.rewrite_config({.workers = 4, .more = kFork});
  supervisor.signal(SIGHUP);
  supervisor.wait_for_idle(4);
  check_that_it_serves(supervisor);
}
