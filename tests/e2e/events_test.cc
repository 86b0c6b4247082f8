// What subscribers of the control socket are told.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

TEST_CASE("a worker's life is told from its start to the death that ends it") {
  SupervisorUnderTest supervisor(PoolText{});
  const EventText started = supervisor.wait_for_event("worker_started");
  const EventText ready = supervisor.wait_for_event("worker_ready");
  CHECK(started.text("pool") == "main");
  CHECK(started.number("worker") == 1);
  CHECK(started.text("role") == "worker");
  CHECK(started.number("pid") == ready.number("pid"));
  CHECK(started.number("seq") < ready.number("seq"));
  REQUIRE(::kill(static_cast<pid_t>(ready.number("pid")), SIGKILL) == 0);
  const EventText died = supervisor.wait_for_event("worker_died");
  CHECK(died.number("pid") == ready.number("pid"));
  CHECK(died.text("how") == "signaled");
  CHECK(died.number("value") == SIGKILL);
  CHECK_FALSE(died.flag("planned"));
  CHECK(died.flag("was_ready"));
  CHECK(died.text("text").starts_with("killed by signal 9 (SIGKILL)"));
  CHECK(supervisor.wait_for_event("worker_ready").number("worker") == 2);
}

TEST_CASE("FAULTS 145: events goes on after an upgrade in place without a gap, and ends when all stops") {
  const Program program;
  const auto supervisor = start(program, PoolText{}.text());
  supervisor->wait_for_idle(1);
  const std::string command =
      SupervisorUnderTest::built_program() + " events --control " + supervisor->control() + " 2>&1";
  std::FILE* events = ::popen(command.c_str(), "r");
  REQUIRE(events != nullptr);
  pollfd ready{.fd = ::fileno(events), .events = POLLIN, .revents = 0};
  eventually("it has subscribed", [&] {
    supervisor->signal(SIGHUP);
    return ::poll(&ready, 1, 10) == 1;
  });
  supervisor->upgrade();
  REQUIRE(::kill(supervisor->wait_for_idle(1).pids().at(0), SIGKILL) == 0);
  supervisor->wait_for_event("worker_died");
  supervisor->stop();
  std::vector<std::string> lines;
  std::array<char, 4096> line{};
  while (std::fgets(line.data(), line.size(), events) != nullptr) lines.emplace_back(line.data());
  CHECK(WEXITSTATUS(::pclose(events)) == 3);
  REQUIRE(lines.size() > 3);
  CHECK(lines.back() == "supervisor: the supervisor has stopped\n");
  lines.pop_back();
  const auto seq = [](const std::string& text) { return std::stoul(text.substr(text.find(' '))); };
  const auto first = seq(lines.front());
  for (std::size_t i = 0; i < lines.size(); ++i) CHECK(seq(lines[i]) == first + i);
  CHECK(std::any_of(lines.begin(), lines.end(),
                    [](const std::string& text) { return contains(text, " worker_died "); }));
  CHECK(std::any_of(lines.begin(), lines.end(), [](const std::string& text) {
    return contains(text, " upgraded from=0.1.0 version=0.1.0 took_ms=");
  }));
}

TEST_CASE("FAULTS 194: an upgrade in place that has succeeded is an event") {
  const Program program;
  const auto supervisor = start(program, PoolText{}.text());
  supervisor->wait_for_idle(1);
  supervisor->upgrade();
  const EventText upgraded = supervisor->wait_for_event("upgraded");
  CHECK(upgraded.text("from") == upgraded.text("version"));
  CHECK(supervisor->events("upgraded").size() == 1);
}

TEST_CASE("a worker that leaves because it shall has a planned death") {
  SupervisorUnderTest supervisor(PoolText{.workers = 2});
  supervisor.wait_for_event("worker_ready");
  supervisor.wait_for_event("worker_ready");
  CHECK(run_supervisor({"scale", "1", "--control", supervisor.control()}).status == 0);
  const EventText died = supervisor.wait_for_event("worker_died");
  CHECK(died.flag("planned"));
  CHECK(died.text("reason") == "pool made smaller");
}

TEST_CASE("a connection that goes to a second worker is told, with the worker that has it now") {
  SupervisorUnderTest supervisor({.command = scripted({"only-first:victim", "ready", "recv", "die:KILL"})});
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.wait_for_event("worker_died").number("held_unbegun") == 1);
  const EventText told = supervisor.wait_for_event("connection_redispatched");
  CHECK(told.number("times") == 1);
  CHECK(told.number("worker") == 2);
}

TEST_CASE("saturation is told, and shown, when a client has to wait, until none has for a moment") {
  const auto shown = [](SupervisorUnderTest& supervisor) {
    const std::string json = run_supervisor({"status", "--json", "--control", supervisor.control()}).output;
    const std::string table = run_supervisor({"status", "--control", supervisor.control()}).output;
    const bool saturated = json.find("\"saturated\": true") != std::string::npos;
    CHECK((json.find("\"saturated\": false") == std::string::npos) == saturated);
    CHECK((table.find(", saturated, ") != std::string::npos) == saturated);
    return saturated;
  };
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_event("worker_ready");
  Client first(supervisor.address());
  Client second(supervisor.address());
  const EventText begins = supervisor.wait_for_event("saturation");
  CHECK(begins.flag("saturated"));
  CHECK(begins.number("queued") == 1);
  CHECK(shown(supervisor));
  for (Client* client : {&first, &second}) {
    client->send("hello");
    client->finish();
  }
  CHECK(first.receive() == "hello");
  CHECK(second.receive() == "hello");
  CHECK_FALSE(supervisor.wait_for_event("saturation").flag("saturated"));
  CHECK_FALSE(shown(supervisor));
}

TEST_CASE("a pool that cannot start its workers says so, and that it can again") {
  SupervisorUnderTest supervisor({.command = scripted({"only-first:broken,limit=3", "die:exit=3"}),
                                  .control = true,
                                  .more = R"("restart": {"backoff_min": "10ms", "backoff_max": "20ms"})"});
  const EventText failed = supervisor.wait_for_event("pool_failed");
  CHECK(failed.number("failures") == 1);
  CHECK(supervisor.wait_for_event("pool_failed").number("failures") == 2);
  supervisor.wait_for_event("pool_recovered");
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE("reset-failed ends a long wait at once") {
  SupervisorUnderTest supervisor({.command = scripted({"only-first:broken", "die:exit=3"}),
                                  .control = true,
                                  .more = R"("restart": {"backoff_min": "10m", "backoff_max": "10m"})"});
  supervisor.wait_for_event("pool_failed");
  const CommandResult health = run_supervisor({"health", "--control", supervisor.control()});
  CHECK(health.status == 1);
  CHECK(health.output.starts_with(
      "pool main: not healthy, 0 of 1 worker ready; new workers die, 1 in a row: the log "
      "says why; "
      "rollout: generation 1 failed "));
  CHECK(run_supervisor({"reset-failed", "--control", supervisor.control()}).output ==
        "pool main: failures are forgotten, missing workers start at once\n");
  supervisor.wait_for_event("worker_ready");
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE("each reload's verdict is told, by signal or by command") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.rewrite_config(PoolText{.workers = 2});
  supervisor.signal(SIGHUP);
  const EventText applied = supervisor.wait_for_event("reload");
  CHECK(applied.flag("applied"));
  CHECK(applied.list("changes") == std::vector<std::string>{"pool main: reloaded, workers 2"});
  supervisor.rewrite_config(R"({"listen": ":0", "wokers": 2, "hold": "no"})");
  supervisor.signal(SIGHUP);
  const EventText refused = supervisor.wait_for_event("reload");
  CHECK_FALSE(refused.flag("applied"));
  CHECK(refused.list("mistakes").size() == 3);
}

TEST_CASE("FAULTS 193: a reload by SIGHUP that was refused is shown until the next one, and health stays 0") {
  const Program program;
  const auto supervisor = start(program, PoolText{}.text());
  supervisor->wait_for_idle(1);
  const auto shown = [&](const char* command) {
    const CommandResult result = run_supervisor({command, "--control", supervisor->control()});
    CHECK(result.status == 0);
    return result.output;
  };
  CHECK_FALSE(contains(shown("status"), "last reload"));
  supervisor->rewrite_config(R"({"listen": ":0", "wokers": 2, "hold": "no"})");
  supervisor->signal(SIGHUP);
  CHECK_FALSE(supervisor->wait_for_event("reload").flag("applied"));
  supervisor->upgrade();
  for (const char* command : {"status", "health"}) {
    const std::string output = shown(command);
    CHECK(contains(output, "last reload: refused "));
    CHECK(contains(output, "ago, nothing has changed: 3 mistakes\n  "));
    CHECK(contains(output, "/wokers: "));
  }
  supervisor->rewrite_config(PoolText{});
  supervisor->signal(SIGHUP);
  CHECK(supervisor->wait_for_event("reload").flag("applied"));
  CHECK(contains(shown("status"), "last reload: applied "));
  CHECK_FALSE(contains(shown("health"), "last reload"));
}

TEST_CASE("a late subscriber catches up, and numbers have no gaps") {
  SupervisorUnderTest supervisor(PoolText{.workers = 3});
  for (int i = 0; i < 3; ++i) supervisor.wait_for_event("worker_ready");
  Client late("unix:" + supervisor.control());
  late.send("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"subscribe\",\"params\":{\"since\":4}}\n");
  std::string got;
  while (got.find(R"("seq":6,)") == std::string::npos) got += late.receive_some();
  CHECK(got.starts_with("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"seq\":6}}\n"));
  CHECK(got.find(R"("seq":4,)") == std::string::npos);
  CHECK(got.find(R"("seq":5,)") < got.find(R"("seq":6,)"));
}
