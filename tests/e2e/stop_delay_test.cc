// The time between SIGTERM and the stop, in which load balancers take notice and clients are served.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/connect.h"
#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

using nlohmann::json;

const char* const kNever = R"("stop_delay": "1h")";

json status_of(const SupervisorUnderTest& supervisor) {
  const CommandResult result = run_supervisor({"status", "--json", "--control", supervisor.control()});
  REQUIRE(result.status == 0);
  return json::parse(result.output);
}

void wait_until_delayed(SupervisorUnderTest& supervisor) {
  eventually("the delay runs", [&] { return supervisor.status().stopping; });
}

CommandResult command(const SupervisorUnderTest& supervisor, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--control", supervisor.control()});
  return run_supervisor(arguments);
}

}  // namespace

TEST_CASE("FAULTS 428: during stop_delay it says that it stops, serves new clients and replaces workers") {
  SupervisorUnderTest supervisor(PoolText{.workers = 2, .more = kNever});
  const std::vector<pid_t> workers = supervisor.wait_for_idle(2).pids();
  CHECK(status_of(supervisor)["stop_delay_left_ms"].is_null());
  supervisor.signal(SIGTERM);
  wait_until_delayed(supervisor);
  CHECK(supervisor.wait_for_log("stopping in")
            .ends_with("stopping in 60 min: until then connections are accepted and served; a second signal "
                       "ends the wait"));
  const json status = status_of(supervisor);
  CHECK(status["stopping"] == true);
  CHECK(status["stop_delay_left_ms"].get<double>() > 3'500'000);
  CHECK(status["stop_delay_left_ms"].get<double>() <= 3'600'000);
  CHECK(status["pools"][0]["state"] == "running");
  const CommandResult health = command(supervisor, {"health"});
  CHECK(health.status == 1);
  CHECK_MESSAGE(health.output.starts_with("the supervisor is stopping; connections are accepted for "),
                health.output);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  REQUIRE(::kill(workers[0], SIGKILL) == 0);
  (void)supervisor.wait_for_pool("another has taken its place", [](const PoolTable& pool) {
    return pool["crashes"] + pool["start_failures"] == 1 && pool.count("idle") == 2;
  });
  CHECK(ask(supervisor.address(), "hello again") == "hello again");
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);
  CHECK(contains(supervisor.log(),
                 "stop_delay is ended by a signal: stopping; a second signal stops at once\n"));
}

TEST_CASE("FAULTS 428: when stop_delay is over the graceful stop begins: what is begun is finished") {
  SupervisorUnderTest supervisor(
      PoolText{.command = scripted({"ready", "recv", "busy", "mark:busy", "gate:go", "write:done", "shutdown",
                                    "close", "idle", "loop"}),
               .more = R"("stop_delay": "300ms")"});
  supervisor.signal(SIGTERM);
  supervisor.wait_for_log("stopping in 300.0 ms");
  Client client(supervisor.address());
  supervisor.gates().wait_for_marks("busy");
  supervisor.wait_for_log("stop_delay is over: stopping; a second signal stops at once");
  eventually("no client connects any more", [&] { return !connect_tcp(supervisor.address()).valid(); });
  supervisor.gates().open("go");
  CHECK(client.receive() == "done");
  CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 429: a quick stop does not wait for stop_delay, before it or during it") {
  SupervisorUnderTest supervisor(PoolText{.more = kNever});
  supervisor.wait_for_idle(1);
  SUBCASE("SIGINT first") { supervisor.signal(SIGINT); }
  SUBCASE("SIGINT during the delay") {
    supervisor.signal(SIGTERM);
    wait_until_delayed(supervisor);
    supervisor.signal(SIGINT);
  }
  SUBCASE("the command during the delay") {
    supervisor.signal(SIGTERM);
    wait_until_delayed(supervisor);
    CHECK(command(supervisor, {"stop", "--quick"}).status == 0);
  }
  CHECK(supervisor.await_exit() == 0);
  CHECK(contains(supervisor.log(), "stopping at once\n"));
}

TEST_CASE("FAULTS 430: during stop_delay reloads, restarts, other sizes and upgrades are refused") {
  SupervisorUnderTest supervisor(PoolText{.workers = 2, .more = kNever});
  const std::vector<pid_t> workers = supervisor.wait_for_idle(2).pids();
  supervisor.signal(SIGTERM);
  wait_until_delayed(supervisor);
  const std::vector<std::vector<std::string>> requests = {
      {"reload"}, {"restart"}, {"scale", "3"}, {"upgrade"}, {"reset-failed"}};
  for (const std::vector<std::string>& request : requests) {
    CAPTURE(request.front());
    const CommandResult result = command(supervisor, request);
    CHECK(result.status == 1);
    CHECK_MESSAGE(contains(result.errors, "the supervisor is stopping"), result.errors);
  }
  supervisor.signal(SIGTTIN);
  CHECK(supervisor.pool().pids() == workers);
  CHECK(status_of(supervisor)["stop_delay_left_ms"].is_number());
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 430: an upgrade that is under way when stop_delay begins is refused, and the delay runs") {
  const Program program;
  SupervisorUnderTest supervisor(PoolText{.more = kNever}.text(), {.program = program.path()});
  supervisor.wait_for_idle(1);
  program.use_script("#!/bin/sh\nexec >&- 2>&-\nsleep 1000\n");
  supervisor.signal(SIGUSR2);
  supervisor.wait_for_log("upgrade: examining");
  supervisor.signal(SIGTERM);
  CHECK(supervisor.wait_for_event("upgrade_refused").text("text") == "the supervisor is stopping");
  CHECK(status_of(supervisor)["stop_delay_left_ms"].is_number());
  CHECK(status_of(supervisor)["upgrades"]["refused"] == 1);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("the command stop waits through stop_delay, and a second one changes nothing") {
  SupervisorUnderTest supervisor(PoolText{.more = R"("stop_delay": "2s")"});
  supervisor.wait_for_idle(1);
  CHECK(command(supervisor, {"stop"}).output == "pool main: stopped\n");
  CHECK(supervisor.await_exit() == 0);
  CHECK(supervisor.count_in_log("stop_delay is over: stopping") == 1);
}
