// The wording of what the supervisor itself logs, each line once: other tests wait for events and the status.
// What a pool reports is in tests/pool/pool_reporter_test.cc.
#include <doctest/doctest.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/e2e/program.h"
#include "tests/support/command.h"
#include "tests/support/log_lines.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

TEST_CASE("the log tells of the start, of what is asked for meanwhile, and of the stop") {
  SupervisorUnderTest supervisor(PoolText{.command = scripted({"ready", "recv", "busy", "hang"})});
  supervisor.wait_for_log(" info    supervisor ");
  supervisor.wait_for_log(" starts, pid " + std::to_string(supervisor.pid()) + ", configuration " +
                          supervisor.config_file() + '\n');
  supervisor.wait_for_log(
      " info    client sockets cannot be read by the supervisor: seccomp, from descriptor 1024 on\n");
  supervisor.wait_for_log(" info    pool main: listening on 127.0.0.1:");
  supervisor.wait_for_log(" info    pool main: generation 1 starts [\"/");
  supervisor.wait_for_log(" info    pool main: its worker is ready\n");
  supervisor.wait_for_idle(1);
  supervisor.signal(SIGTTIN);
  supervisor.wait_for_log(" info    pool main: 2 workers until the next reload, 1 before\n");
  supervisor.wait_for_idle(2);
  CHECK(run_supervisor({"restart", "--control", supervisor.control()}).status == 0);
  supervisor.wait_for_log(" info    pool main: restart requested, workers are replaced\n");
  const Client busy(supervisor.address());
  supervisor.wait_for_pool("it is busy", [](const PoolTable& now) { return now["begun"] == 1; });
  supervisor.signal(SIGTERM);
  supervisor.wait_for_log(" info    stopping; a second signal stops at once\n");
  supervisor.signal(SIGTERM);
  supervisor.wait_for_log(" info    stopping at once\n");
  CHECK(supervisor.await_exit() == 1);
}

TEST_CASE("what is asked for by command and refused is logged with the reason") {
  const Program program;
  const auto supervisor = start(program, PoolText{}.text());
  supervisor->wait_for_idle(1);
  program.remove();
  CHECK(run_supervisor({"upgrade", "--control", supervisor->control()}).status == 1);
  supervisor->wait_for_log(" goes on: " + program.path() + ": No such file or directory\n");
  CHECK(supervisor->wait_for_event("upgrade_refused").text("text").starts_with(program.path()));
  const std::string unknown = " refused: there is no pool \"wob\"; the only one is main\n";
  CHECK(run_supervisor({"scale", "wob", "3", "--control", supervisor->control()}).status == 1);
  supervisor->wait_for_log(" warning scale" + unknown);
  CHECK(run_supervisor({"restart", "wob", "--control", supervisor->control()}).status == 1);
  supervisor->wait_for_log(" warning restart" + unknown);
  CHECK(run_supervisor({"reset-failed", "wob", "--control", supervisor->control()}).status == 1);
  supervisor->wait_for_log(" warning reset-failed" + unknown);
  CHECK(run_supervisor({"reset-failed", "--control", supervisor->control()}).status == 0);
  supervisor->wait_for_log(" info    pool main: failures are forgotten, missing workers start at once\n");
}

TEST_CASE("a JSON log is objects from the first line on, and a reload changes the form at once") {
  const PoolText text{.command = {"sh", "-c", "echo hello; exec supervisor-worker echo"}};
  PoolText json = text;
  json.more = R"("log": {"format": "json"})";
  SupervisorUnderTest supervisor(json);
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  const std::string of_worker = "\"pid\":" + std::to_string(worker);
  supervisor.wait_for_log("\"message\":\"hello\",\"pool\":\"main\"," + of_worker +
                          ",\"stream\":\"output\"}\n");
  supervisor.signal(SIGUSR1);
  supervisor.wait_for_log("\"message\":\"pool main: running");
  REQUIRE(::kill(worker, SIGKILL) == 0);
  supervisor.wait_for_log("\"pool\":\"main\",\"worker\":1," + of_worker + "}\n");
  std::istringstream lines(supervisor.log());
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    CAPTURE(line);
    const auto object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    CHECK(object.is_object());
    CHECK(object.contains("time"));
    CHECK(object.contains("level"));
    CHECK(object.contains("message"));
  }
  CHECK(count > 5);
  supervisor.rewrite_config(text);
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").list("changes").at(0) == "supervisor: reloaded, log.format");
  supervisor.signal(SIGTTIN);
  supervisor.wait_for_log("Z info    pool main: 2 workers until the next reload, 1 before\n");
}

TEST_CASE("of an elastic pool scale sets the maximum, and says so") {
  SupervisorUnderTest supervisor(
      R"({"listen": "127.0.0.1:0", "command": ["supervisor-worker", "echo"], "workers": {"min": 1, "max": 4}, )" +
          std::string(kWithControl) + "}",
      {});
  const std::string said = "pool main: at most 6 workers until the next reload, at most 4 before\n";
  CHECK(run_supervisor({"scale", "6", "--control", supervisor.control()}).output == said);
  supervisor.wait_for_log(" info    " + said);
}

TEST_CASE("a reload that is refused is an error that says how many mistakes there are, or the only reason") {
  SupervisorUnderTest supervisor(PoolText{});
  const std::string refused = " error   reload refused, nothing has changed: ";
  supervisor.rewrite_config(std::string(R"({"wokers": 1, "hold": "no"})"));
  supervisor.signal(SIGHUP);
  const EventText two = supervisor.wait_for_event("reload");
  CHECK(two.list("mistakes").size() > 1);
  supervisor.wait_for_log(refused + std::to_string(two.list("mistakes").size()) + " mistakes in " +
                          supervisor.config_file() + '\n');
  supervisor.rewrite_config(PoolText{.more = R"("wokers": 1)"});
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log(refused + "1 mistake in " + supervisor.config_file() + '\n');
  supervisor.rewrite_config(PoolText{.listen = {"192.0.2.1:8080"}});
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log(refused + "listen 192.0.2.1:8080: ");
}

TEST_CASE("the log tells each step of an upgrade, and an error when there is none") {
  const Program program;
  const auto supervisor = start(program, PoolText{}.text());
  supervisor->wait_for_idle(1);
  supervisor->upgrade();
  supervisor->wait_for_log(" info    upgrade: examining " + program.path() + '\n');
  CHECK(supervisor->wait_for_log(log_line::kProven).find(" info    upgrade: ") != std::string::npos);
  const std::string took = supervisor->wait_for_log(log_line::kTookOver);
  CHECK(took.find(" info    supervisor ") != std::string::npos);
  CHECK(took.find(" in the same process, pid " + std::to_string(supervisor->pid()) + ", in ") !=
        std::string::npos);
  program.remove();
  supervisor->signal(SIGUSR2);
  const std::string why = supervisor->wait_for_event("upgrade_refused").text("text");
  const std::string line = supervisor->wait_for_log(" error   upgrade refused, supervisor ");
  CHECK_MESSAGE(line.ends_with(" goes on: " + why), line);
}

TEST_CASE("a process that a worker has left behind is told for debugging") {
  SupervisorUnderTest supervisor(
      PoolText{.command = scripted({"fork-holder:hold"}), .more = R"("log": {"level": "debug"})"});
  const pid_t stranger = supervisor.gates().wait_for_marks("hold.held").at(0);
  supervisor.gates().open_for_good("hold");
  supervisor.wait_for_log(" debug   reaped process " + std::to_string(stranger) +
                          ", which a worker had left behind\n");
}
