// Workers die and the pool changes its size all the time, under load. A few seconds in the suite; for the
// long forms:
//   SUPERVISOR_STRESS_SECONDS=60 SUPERVISOR_STRESS_RELOADS=1000 build/tests/e2e/e2e-tests
//   '-sf=*/e2e/stress_test.cc'
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/e2e/load.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

unsigned long setting(const char* name, unsigned long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoul(text, nullptr, 10);
}

/// What the supervisor says of the workers of one pid.
struct Account {
  std::uint64_t served = 0;
  std::uint64_t begun = 0;  ///< connections that it had begun when it died
};

/// From the deaths, and from the status's rows of the workers that live.
std::map<pid_t, Account> accounts(const std::vector<EventText>& deaths, const PoolTable& pool) {
  std::map<pid_t, Account> all;
  for (const EventText& died : deaths) {
    Account& account = all[static_cast<pid_t>(died.number("pid"))];
    account.served += static_cast<std::uint64_t>(died.number("served"));
    account.begun += static_cast<std::uint64_t>(died.number("held_begun"));
  }
  for (const WorkerText& worker : pool.workers) all[worker.pid].served += worker.served;
  return all;
}

pid_t random_worker(pid_t supervisor, std::mt19937& random) {
  std::vector<pid_t> workers;
  for (const ProcessStat& child : children_of(supervisor)) {
    if (child.name != "spawner" && child.state != 'Z') workers.push_back(child.pid);
  }
  return workers.empty() ? 0 : workers[random() % workers.size()];
}

}  // namespace

TEST_CASE(
    "under load a random worker is killed every 50 ms: a client that got nothing was begun, and the counters "
    "agree "
    "exactly") {
  PoolText text{.command = {"supervisor-worker", "line"}, .workers = 8};
  bool receipts = true;
  bool at_unix = false;
  SUBCASE("native") {}
  SUBCASE("classic") { text.command = {"classic-worker"}; }
  SUBCASE("classic, forked") { text.command = {"classic-forked"}; }
  SUBCASE("classic, clients of a unix socket") {
    text.command = {"classic-worker"};
    text.listen = {"unix:TEST_DIRECTORY/sock"};
    at_unix = true;
  }
  if (text.command.size() == 1) {
    receipts = false;
    text.more = R"("protocol": "classic")";
    if (text.command[0] == "classic-forked") text.more += R"(, "start": "fork")";
  }
  SupervisorUnderTest supervisor(text);
  supervisor.wait_for_idle(8);
  std::mt19937 random(1);
  Load load(at_unix ? "unix:" + supervisor.directory().path() + "/sock" : supervisor.address(), "S 2000\n",
            12);
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::seconds(setting("SUPERVISOR_STRESS_SECONDS", 3));
  std::uint64_t kills = 0;
  while (std::chrono::steady_clock::now() < end) {
    const pid_t victim = random_worker(supervisor.pid(), random);
    if (victim != 0 && ::kill(victim, SIGKILL) == 0) ++kills;
    // The interval between two kills; log and events are read meanwhile.
    (void)supervisor.status();
    (void)holds_within(std::chrono::milliseconds(50), [&] { return supervisor.log().empty(); });
  }
  const Load::Tally tally = load.stop();
  const PoolTable pool = supervisor.wait_for_pool("nothing is under way", [](const PoolTable& now) {
    return now["with workers"] == 0 && now["queue: now"] == 0 &&
           now["accepted"] == now["served"] + now["lost"] + now["gave_up"];
  });
  MESSAGE(kills, " kills, ", tally.connected, " connections, ", tally.nothing, " got nothing; lost ",
          pool["lost"], ", gave_up ", pool["gave_up"], ", redispatched ", pool["redispatched"]);
  CHECK(tally.hung == 0);
  CHECK(tally.refused == 0);
  CHECK(tally.answered + tally.nothing == tally.connected);
  CHECK(pool["accepted"] == tally.connected);
  // Without receipts a connection counts as begun when it is sent, and again when it is sent to another
  // worker.
  CHECK(pool["begun"] >= pool["served"] + pool["lost"]);
  if (receipts) CHECK(pool["begun"] == pool["served"] + pool["lost"]);
  CHECK(pool["violations"] == 0);
  CHECK(pool["lost"] <= kills);
  // A worker may be killed after its answer and before it could say so: that client has its answer, though
  // the connection counts as lost. Worker by worker, there is no other difference.
  std::uint64_t lost = 0;
  std::uint64_t answered_though_lost = 0;
  for (const auto& entry : accounts(supervisor.events("worker_died"), pool)) {
    const auto& pid = entry.first;  // clang 14 cannot capture structured bindings
    const auto& account = entry.second;
    const auto found = tally.answers_of.find(pid);
    const std::uint64_t answers = found == tally.answers_of.end() ? 0 : found->second;
    CAPTURE(pid);
    CHECK(answers >= account.served);
    CHECK(answers <= account.served + account.begun);
    lost += account.begun;
    answered_though_lost += answers - account.served;
  }
  CHECK(lost >= pool["lost"]);
  if (receipts) CHECK(lost == pool["lost"]);
  CHECK(tally.nothing + answered_though_lost == pool["lost"] + pool["gave_up"]);
}

TEST_CASE(
    "under load the pool is resized between 1 and 32 again and again: nothing fails, every process is "
    "accounted for") {
  PoolText pool{.command = {"supervisor-worker", "line"}, .workers = 4};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_idle(4);
  std::mt19937 random(1);
  Load load(supervisor.address(), "S 500\n", 8);
  const std::size_t reloads = setting("SUPERVISOR_STRESS_RELOADS", 100);
  for (std::size_t i = 1; i <= reloads; ++i) {
    pool.workers = static_cast<unsigned>(random() % 32 + 1);
    supervisor.rewrite_config(pool);
    supervisor.signal(SIGHUP);
    CHECK(supervisor.wait_for_event("reload").flag("applied"));
    load.wait_for_answers(1);
  }
  pool.workers = 4;
  supervisor.rewrite_config(pool);
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").flag("applied"));
  const Load::Tally tally = load.stop();
  const PoolTable after = supervisor.wait_for_idle(4);
  MESSAGE(tally.connected, " connections, ", after["starts"], " workers started");
  CHECK(tally.flawless());
  CHECK(after["accepted"] == tally.connected);
  CHECK(after["served"] == tally.connected);
  CHECK(after["redispatched"] == 0);
  CHECK(after["crashes"] + after["start_failures"] + after["violations"] == 0);
  const std::vector<EventText> deaths = supervisor.events("worker_died");
  CHECK(std::none_of(deaths.begin(), deaths.end(), is_failure));
  CHECK(deaths.size() + 4 == after["starts"]);
  CHECK(children_of(supervisor.pid()).size() == 6);
}
