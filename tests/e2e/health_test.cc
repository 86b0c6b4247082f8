// Workers that hang, and what their clients see.
#include <doctest/doctest.h>

#include <csignal>
#include <string>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/log_lines.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::StopReason;

namespace {

const std::string kSorry = R"("crash_reply": "sorry\n")";

}  // namespace

TEST_CASE("FAULTS 8: a stopped worker gets nothing, and serves again when it is continued") {
  SupervisorUnderTest supervisor({.workers = 2});
  const PoolTable pool = supervisor.wait_for_idle(2);
  const pid_t stopped = pool.workers.at(0).pid;
  REQUIRE(::kill(stopped, SIGSTOP) == 0);
  supervisor.wait_for_pool("it is noticed", [](const PoolTable& now) { return now.count("stopped") == 1; });
  for (int i = 0; i < 5; ++i) CHECK(ask(supervisor.address(), "hello") == "hello");
  const PoolTable meanwhile =
      supervisor.wait_for_pool("five are served", [](const PoolTable& now) { return now["served"] == 5; });
  CHECK(meanwhile.workers.at(0).served == 0);
  const std::string named = "(pid " + std::to_string(stopped) + ") ";
  CHECK(supervisor.count_in_log(named + "is stopped by a signal such as SIGSTOP") == 1);
  REQUIRE(::kill(stopped, SIGCONT) == 0);
  supervisor.wait_for_pool("it is noticed", [](const PoolTable& now) { return now.count("stopped") == 0; });
  for (int i = 0; i < 2; ++i) CHECK(ask(supervisor.address(), "hello") == "hello");
  const PoolTable after =
      supervisor.wait_for_pool("seven are served", [](const PoolTable& now) { return now["served"] == 7; });
  CHECK(after.workers.at(0).served > 0);
}

TEST_CASE("FAULTS 10: a worker that hangs while it serves is ended and replaced, its client at once") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ignore-term", "ready", "recv", "busy", "read:1", "hang"}),
       .more = R"("hold": "done", "health": {"busy_timeout": "500ms", "kill_timeout": "1s"}, )" + kSorry});
  Client client(supervisor.address());
  client.send("hello");
  CHECK(client.receive() == "sorry\n");
  CHECK(supervisor.events("worker_died").empty());  // the client did not have to wait for that
  const EventText died = supervisor.wait_for_event("worker_died");
  CHECK(by_signal(died, SIGKILL));
  CHECK(because(died, StopReason::kBusyTimeout));
  CHECK(ask(supervisor.address(), "and now?") == "and now?");
  CHECK(supervisor.pool()["lost"] == 1);
}

TEST_CASE("FAULTS 10: Progress keeps a worker that takes its time alive") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"ready", "recv", "busy", "gate:a", "progress", "gate:b", "progress", "gate:c",
                            "write:done", "shutdown", "close", "idle"}),
       .more = R"("health": {"busy_timeout": "1200ms"})"});
  Client client(supervisor.address());
  supervisor.wait_for_pool("it is begun", [](const PoolTable& now) { return now["begun"] == 1; });
  const auto start = std::chrono::steady_clock::now();
  int gate = 0;
  for (const char* name : {"a", "b", "c"}) {
    ++gate;
    // More than half of the timeout: each Progress is needed.
    eventually("0.65 s have passed", [&] {
      return std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(650) * gate;
    });
    supervisor.gates().open(name);
  }
  CHECK(client.receive() == "done");
  CHECK(supervisor.pool()["crashes"] == 0);
}

TEST_CASE("an idle worker that does not answer a Ping is ended and replaced") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ready", "hang"}),
       .more = R"("health": {"ping_interval": "50ms", "ping_timeout": "500ms", "kill_timeout": "200ms"})"});
  CHECK(because(supervisor.wait_for_event("worker_died"), StopReason::kPingTimeout));
  CHECK(ask(supervisor.address(), "hello") == "hello");
  // The one that answers lives on.
  supervisor.wait_for_pool("it has rested for longer than that", [](const PoolTable& now) {
    return now.count("idle") == 1 && now.workers.at(0).in_state > std::chrono::milliseconds(700);
  });
  CHECK(supervisor.events("worker_died").size() == 1);
}

TEST_CASE("kill_signal ABRT comes before SIGKILL, for a core file") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ready", "recv", "busy", "hang"}),
       .more = R"("health": {"busy_timeout": "100ms", "kill_signal": "ABRT"}, "limits": {"core": 0})"});
  Client client(supervisor.address());
  CHECK(client.receive() == "");
  CHECK(by_signal(supervisor.wait_for_event("worker_died"), SIGABRT));
}

TEST_CASE("FAULTS 4: with crash_reply the client of a worker that died unanswered gets a last word") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ready", "recv", "busy", "read:1", "die:KILL"}),
       .more = R"("hold": "done", )" + kSorry});
  Client client(supervisor.address());
  client.send("hello");
  CHECK(client.receive() == "sorry\n");
  CHECK(client.end() == Client::End::kEof);
  CHECK(supervisor.pool()["lost"] == 1);
}

TEST_CASE("FAULTS 5: after part of an answer there is no crash_reply") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:victim", "ready", "recv", "busy", "write:half", "die:KILL"}),
       .more = R"("hold": "done", )" + kSorry});
  Client client(supervisor.address());
  CHECK(client.receive() == "half");
}

TEST_CASE(
    "FAULTS 7: with hold done a request that two workers die of is closed, with crash_reply, and named") {
  SupervisorUnderTest supervisor({.command = scripted({"ready", "recv", "busy", "mark:poisoned", "die:SEGV"}),
                                  .workers = 4,
                                  .more = R"("hold": "done", )" + kSorry});
  supervisor.wait_for_idle(4);
  Client client(supervisor.address());
  client.send("poison");
  CHECK(client.receive() == "sorry\n");
  CHECK(supervisor.wait_for_log(log_line::kGaveUp).find("127.0.0.1:") != std::string::npos);
  CHECK(supervisor.gates().marks("poisoned").size() == 2);
}

TEST_CASE("FAULTS 45: a supervisor that was stopped kills no worker for what it has not read meanwhile") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"ready", "recv", "gate:go", "busy", "write:done", "shutdown", "close", "idle"}),
       .more = R"("health": {"receipt_timeout": "1s"})"});
  Client client(supervisor.address());
  supervisor.wait_for_pool("it is dispatched", [](const PoolTable& now) { return now["dispatched"] == 1; });
  supervisor.signal(SIGSTOP);
  eventually("the supervisor stands still", [&] { return process_stat(supervisor.pid()).state == 'T'; });
  const auto start = std::chrono::steady_clock::now();
  supervisor.gates().open("go");
  CHECK(client.receive(4) == "done");
  eventually("all deadlines are long past",
             [&] { return std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(2500); });
  supervisor.signal(SIGCONT);
  const PoolTable pool =
      supervisor.wait_for_pool("it is served", [](const PoolTable& now) { return now["served"] == 1; });
  CHECK(pool["lost"] == 0);
  CHECK(pool["crashes"] == 0);
}
