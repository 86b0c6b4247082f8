// `supervisor run`: a pool without a file.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

const TestDirectory& control_directory() {
  static const TestDirectory directory;
  return directory;
}

SupervisorUnderTest::Options run_options(std::vector<std::string> more) {
  SupervisorUnderTest::Options options;
  options.control = control_directory().at("control");
  options.arguments = {"run", "--listen", "127.0.0.1:0", "--control", options.control};
  options.arguments.insert(options.arguments.end(), more.begin(), more.end());
  return options;
}

}  // namespace

TEST_CASE("run serves without a file; Ctrl-C ends it") {
  SupervisorUnderTest supervisor("", run_options({"--workers", "2", "--", "supervisor-worker", "echo"}));
  supervisor.wait_for_idle(2);
  Client client(supervisor.address());
  client.send("hello");
  CHECK(client.receive() == "hello");
  CHECK(contains(supervisor.log(), "command line"));
  CHECK(supervisor.stop(SIGINT) == 0);
}

TEST_CASE("without a file HUP looks at the program again, also after an upgrade in place") {
  const TestDirectory directory;
  const std::string script = directory.write("worker", "#!/bin/sh\nexec supervisor-worker echo\n");
  REQUIRE(::chmod(script.c_str(), 0755) == 0);
  SupervisorUnderTest supervisor("", run_options({"--protocol", "native", "--workers", "1", "--", script}));
  supervisor.wait_for_idle(1);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("reloaded, unchanged");
  supervisor.upgrade();
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("reloaded, unchanged", 2);
  const std::string next = directory.write("next", "#!/bin/sh\nexec supervisor-worker echo # 2\n");
  REQUIRE(::chmod(next.c_str(), 0755) == 0);
  REQUIRE(::rename(next.c_str(), script.c_str()) == 0);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("reloaded, workers are replaced: command");
  supervisor.wait_for_log("generation 2 takes over");
}

TEST_CASE("run --print prints the file that the options stand for") {
  const CommandResult printed = run_supervisor(
      {"run", "--listen", ":8080", "--protocol", "native", "--print", "--", "sh", "-c", "exit"});
  CHECK(printed.status == 0);
  CHECK(
      nlohmann::json::parse(printed.output) ==
      nlohmann::json::parse(R"({"listen": ":8080", "command": ["sh", "-c", "exit"], "protocol": "native"})"));
  const TestDirectory directory;
  CHECK(run_supervisor({"check", "-c", directory.write("pool.json", printed.output)}).status == 0);
}

TEST_CASE("FAULTS 281: each mistake of run is told with its option, and nothing starts") {
  const auto mistake = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "run");
    const CommandResult result = run_supervisor(arguments);
    CHECK(result.status == 2);
    return result.errors;
  };
  CHECK(contains(mistake({"--listen", ":1"}), "run: name the program after --"));
  CHECK(contains(mistake({"--listen", ":1", "--"}), "run: name the program after --"));
  CHECK(contains(mistake({"--", "sh"}), "--listen is required"));
  CHECK(contains(mistake({"--listen", "nonsense", "--", "sh"}), "run: --listen: "));
  CHECK(contains(mistake({"--listen", ":1", "--workers", "many", "--", "sh"}), "run: --workers: \"many\""));
  CHECK(
      contains(mistake({"--listen", ":1", "--log-level", "loud", "--", "sh"}), "run: --log-level: \"loud\""));
  CHECK(contains(mistake({"--listen", ":1", "--", "no-such-program"}),
                 "run: the program: \"no-such-program\""));
  CHECK(
      contains(mistake({"--listen", ":1", "--env", "MODE", "--", "sh"}),
               "run: --environment: MODE has no value; write MODE=VALUE (supervisor run --help tells more)"));
  CHECK(contains(mistake({"--listen", ":1", "--wokers", "3", "--", "sh"}), "did you mean --workers?"));
}
