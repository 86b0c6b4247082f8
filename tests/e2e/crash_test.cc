// Workers die at every moment of a connection's life.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/eventually.h"
#include "tests/support/log_lines.h"
#include "tests/support/process_list.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

const std::string kHoldDone = R"("hold": "done")";

}  // namespace

TEST_CASE("FAULTS 1: a worker killed while idle is replaced, and no client notices") {
  SupervisorUnderTest supervisor({.workers = 2});
  CHECK(kill_while_idle(supervisor)["served"] == 4);
}

TEST_CASE("FAULTS 181: hundreds of workers die at once: all are replaced, and every connection is answered") {
  constexpr unsigned kWorkers = 300;
  SupervisorUnderTest supervisor({.workers = kWorkers});
  const std::vector<pid_t> before = supervisor.wait_for_idle(kWorkers).pids();
  supervisor.signal(SIGSTOP);  // it learns of all deaths at once
  for (const pid_t worker : before) REQUIRE(::kill(worker, SIGKILL) == 0);
  for (const pid_t worker : before)
    eventually("it is dead", [&] { return process_stat(worker).state == 'Z'; });
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(supervisor.address()));
    clients.back()->send("still there?");
    clients.back()->finish();
  }
  supervisor.signal(SIGCONT);
  for (const auto& client : clients) CHECK(client->receive() == "still there?");
  const PoolTable after = supervisor.wait_for_idle(kWorkers);
  for (const pid_t worker : after.pids()) CHECK(std::count(before.begin(), before.end(), worker) == 0);
  CHECK(after["crashes"] + after["start_failures"] == kWorkers);
  CHECK(after["lost"] == 0);
}

TEST_CASE("FAULTS 2: a connection whose worker is killed before its receipt is answered by another worker") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ready", "recv", "mark:dying", "die:KILL"})});
  CHECK(ask(supervisor.address(), "hello") == "hello");
  const auto dead = supervisor.gates().wait_for_marks("dying");
  CHECK(supervisor.gates().marks("served").size() == 1);
  CHECK(supervisor.gates().marks("served") != dead);
  const PoolTable pool =
      supervisor.wait_for_pool("one is served", [](const PoolTable& now) { return now["served"] == 1; });
  CHECK(pool["redispatched"] == 1);
  CHECK(pool["lost"] == 0);
}

TEST_CASE("FAULTS 2: a connection that the dead worker had not even received goes to another worker") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ready", "mark:here", "gate:never"})});
  const pid_t victim = supervisor.gates().wait_for_marks("here").at(0);
  supervisor.wait_for_idle(1);
  Client client(supervisor.address());
  client.send("hello");
  supervisor.wait_for_pool("it is dispatched", [](const PoolTable& pool) { return pool["dispatched"] == 1; });
  REQUIRE(::kill(victim, SIGKILL) == 0);
  CHECK(client.receive() == "hello");
  CHECK(supervisor.gates().marks("served").size() == 1);
}

TEST_CASE("FAULTS 3: with hold done, a connection begun but not read is answered by another worker") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ready", "recv", "busy", "die:KILL"}), .more = kHoldDone});
  CHECK(ask(supervisor.address(), "hello") == "hello");
  const PoolTable pool =
      supervisor.wait_for_pool("one is served", [](const PoolTable& now) { return now["served"] == 1; });
  CHECK(pool["begun"] == 2);
  CHECK(pool["redispatched"] == 1);
  CHECK(pool["lost"] == 0);
}

TEST_CASE(
    "FAULTS 3: with hold receipt, a connection begun is lost with its worker, and the client hears it at "
    "once") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ready", "recv", "busy", "die:KILL"})});
  CHECK(ask(supervisor.address(), "hello") == "");
  const PoolTable pool =
      supervisor.wait_for_pool("one is lost", [](const PoolTable& now) { return now["lost"] == 1; });
  CHECK(pool["redispatched"] == 0);
  CHECK(supervisor.gates().marks("served").empty());
  CHECK(ask(supervisor.address(), "and now?") == "and now?");
}

TEST_CASE(
    "FAULTS 4: a connection of which one byte was read is lost and ended at once, and no other worker gets "
    "it") {
  for (const std::string& more : {std::string(), kHoldDone}) {
    CAPTURE(more);
    SupervisorUnderTest supervisor(
        {.command = scripted({"only-first:victim", "ready", "recv", "busy", "read:1", "die:KILL"}),
         .more = more});
    Client client(supervisor.address());
    client.send("hello");
    CHECK(client.receive() == "");
    CHECK(client.end() != Client::End::kNone);
    const PoolTable pool =
        supervisor.wait_for_pool("one is lost", [](const PoolTable& now) { return now["lost"] == 1; });
    CHECK(pool["redispatched"] == 0);
    CHECK(supervisor.gates().marks("served").empty());
  }
}

TEST_CASE("FAULTS 5: a connection whose answer has begun is ended at once and never answered again") {
  for (const std::string& more : {std::string(), kHoldDone}) {
    CAPTURE(more);
    SupervisorUnderTest supervisor(
        {.command = scripted({"only-first:victim", "ready", "recv", "busy", "write:half", "die:KILL"}),
         .more = more});
    Client client(supervisor.address());
    CHECK(client.receive() == "half");
    const PoolTable pool =
        supervisor.wait_for_pool("one is lost", [](const PoolTable& now) { return now["lost"] == 1; });
    CHECK(pool["redispatched"] == 0);
    CHECK(supervisor.gates().marks("served").empty());
  }
}

TEST_CASE("FAULTS 6: a worker killed after it has finished is not taken for one that had not begun") {
  for (const std::string& more : {std::string(), kHoldDone}) {
    CAPTURE(more);
    SupervisorUnderTest supervisor(
        {.command = scripted({"only-first:victim", "ready", "recv", "mark:received", "gate:go", "busy",
                              "mark:executed", "shutdown", "close", "idle", "mark:finished", "die:KILL"}),
         .more = more});
    Client client(supervisor.address());
    const pid_t victim = supervisor.gates().wait_for_marks("received").at(0);
    // While the supervisor sleeps, the worker begins, finishes and dies: all of it is news at the same time.
    supervisor.signal(SIGSTOP);
    eventually("the supervisor stands still", [&] { return process_stat(supervisor.pid()).state == 'T'; });
    supervisor.gates().open("go");
    supervisor.gates().wait_for_marks("finished");
    eventually("the worker is dead", [&] { return !is_alive(victim); });
    supervisor.signal(SIGCONT);
    CHECK(client.receive() == "");
    const PoolTable pool =
        supervisor.wait_for_pool("one is served", [](const PoolTable& now) { return now["served"] == 1; });
    CHECK(pool["lost"] == 0);
    CHECK(pool["redispatched"] == 0);
    CHECK(supervisor.gates().marks("executed").size() == 1);
    CHECK(supervisor.gates().marks("served").empty());
  }
}

TEST_CASE(
    "FAULTS 7: a request that kills every worker is closed after two further attempts, and its sender "
    "logged") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"ready", "recv", "mark:poisoned", "die:SEGV"}), .workers = 4});
  supervisor.wait_for_idle(4);
  Client client(supervisor.address());
  client.send("poison");
  CHECK(client.receive() == "");
  CHECK(supervisor.wait_for_log(log_line::kGaveUp).find("127.0.0.1:") != std::string::npos);
  CHECK(supervisor.gates().marks("poisoned").size() == 3);
  const PoolTable pool =
      supervisor.wait_for_pool("it was given up", [](const PoolTable& now) { return now["gave_up"] == 1; });
  CHECK(pool["redispatched"] == 2);
  CHECK(pool["lost"] == 0);
}
