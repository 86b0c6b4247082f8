// The commands that ask a running supervisor, as a person or a script uses them.
#include <doctest/doctest.h>

#include <csignal>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

std::string two_pools(unsigned workers_of_a) {
  return pools_text({{"a", {.workers = workers_of_a}}, {"b", {.workers = 1}}});
}

}  // namespace

TEST_CASE("status prints the table, or everything as JSON") {
  SupervisorUnderTest supervisor(PoolText{.workers = 2});
  supervisor.wait_for_idle(2);
  const CommandResult table = run_supervisor({"status", "-c", supervisor.config_file()});
  CHECK(table.status == 0);
  CHECK(contains(table.output, "pool main: running, workers 2 ready of 2 wanted"));
  CHECK(contains(table.output, "  scoreboard: [__]"));
  const CommandResult json = run_supervisor({"status", "--json", "-c", supervisor.config_file()});
  CHECK(json.status == 0);
  CHECK(contains(json.output, "\"scoreboard\": \"__\""));
  // The supervisor does not have these; the command adds them.
  CHECK(contains(table.output, " LOAD CPU TIME      RSS    SERVED "));
  CHECK(contains(table.output, " MiB         0 "));
  const auto usage = nlohmann::json::parse(json.output)["pools"][0]["workers"][0];
  CHECK(usage["rss_bytes"].get<std::uint64_t>() > 100'000);
  CHECK(usage["cpu_ms"].is_number_unsigned());
  CHECK(json.errors.empty());
}

TEST_CASE("nothing listens: status 3; no control socket or no file: status 2") {
  const TestDirectory directory;
  const std::string path = directory.at("control.sock");
  const std::string file = directory.write("pool.json", R"({"control": ")" + path + "\"}");
  const CommandResult nobody = run_supervisor({"status", "-c", file});
  CHECK(nobody.status == 3);
  const std::string said = "supervisor: no supervisor listens at " + path + ": No such file or directory";
  CHECK(nobody.errors.starts_with(said + "; it is the control socket of " + file + ": "));
  CHECK(run_supervisor({"status", "--control", path}).errors == said + "; start it, or correct the path\n");
  const std::string without = directory.write("without.json", R"({"control": false})");
  const CommandResult unnamed = run_supervisor({"health", "-c", without});
  CHECK(unnamed.status == 2);
  CHECK(contains(unnamed.errors, "a supervisor with this file has no control socket"));
  CHECK(run_supervisor({"stop", "-c", directory.at("missing.json")}).status == 2);
  CHECK(run_supervisor({"relaod", "-c", file}).status == 2);
  CHECK(run_supervisor({"scale", "-c", file}).status == 2);
  CHECK(run_supervisor({"scale", "many", "-c", file}).status == 2);
}

TEST_CASE("FAULTS 192: after a change of `control` the commands say how to reach the supervisor") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  const std::string old_path = supervisor.control();
  const std::string new_path = supervisor.directory().at("new.sock");
  supervisor.rewrite_config(PoolText{.control = false, .more = R"("control": ")" + new_path + '"'});
  const CommandResult unreached = run_supervisor({"reload", "-c", supervisor.config_file()});
  CHECK(unreached.status == 3);
  CHECK(contains(unreached.errors, "no supervisor listens at " + new_path));
  CHECK(
      contains(unreached.errors, "say --control with the path of before, or kill -HUP the supervisor's pid"));
  const CommandResult reached = run_supervisor({"reload", "--control", old_path});
  CHECK(reached.status == 0);
  CHECK(contains(reached.output, "control socket at " + new_path));
  CHECK(run_supervisor({"status", "-c", supervisor.config_file()}).status == 0);
}

TEST_CASE("a word that is no command, or no option of one, is told with the nearest that is") {
  const auto mistake = [](const std::vector<std::string>& arguments) {
    const CommandResult result = run_supervisor(arguments);
    CHECK(result.status == 2);
    CHECK(result.output.empty());
    return result.errors;
  };
  CHECK(mistake({"statsu"}) ==
        "supervisor: statsu is not a command; did you mean status? (supervisor --help tells more)\n");
  CHECK(mistake({"-c", "pool.json", "relaod"}) ==
        "supervisor: relaod is not a command; did you mean reload? (supervisor --help tells more)\n");
  CHECK(mistake({"frobnicate"}) ==
        "supervisor: frobnicate is not a command; known are run, check, init, schema, status, health, top, "
        "events, "
        "reload, restart, scale, upgrade, stop, reset-failed (supervisor --help tells more)\n");
  CHECK(mistake({"htpp"}).starts_with("supervisor: htpp is not a command; known are run, "));
  CHECK(mistake({"tpo"}).starts_with("supervisor: tpo is not a command; did you mean top?"));
  CHECK(mistake({"status", "--jsno"}) ==
        "supervisor: status: --jsno is not an option; did you mean --json? (supervisor status --help tells "
        "more)\n");
  CHECK(mistake({"--confg", "pool.json"}) ==
        "supervisor: --confg is not an option; did you mean --config? (supervisor --help tells more)\n");
  CHECK(mistake({"status", "web"}) ==
        "supervisor: status: web is not expected here (supervisor status --help tells more)\n");
  CHECK(mistake({"check", "pool.json"}) ==
        "supervisor: pool.json is not expected here; a configuration is named with -c: -c pool.json\n");
  CHECK(mistake({"pool.json"}) ==
        "supervisor: pool.json is not expected here; a configuration is named with -c: -c pool.json\n");
  CHECK(mistake({"start"}) == "supervisor: start is not a command; say: supervisor -c FILE\n");
  CHECK(mistake({"help", "reload"}) == "supervisor: help is not a command; say: supervisor --help\n");
  CHECK(mistake({"status", "-c"}) ==
        "supervisor: status: --config needs a value: --config FILE (supervisor status --help tells more)\n");
  CHECK(mistake({"check", "-c", "a", "-c", "b"}) ==
        "supervisor: check: --config stands here twice; remove one (supervisor check --help tells more)\n");
  CHECK(mistake({"reload", "--wait=30"}) ==
        "supervisor: reload: --wait takes no value (supervisor reload --help tells more)\n");
  CHECK(mistake({"status", "--json=pretty"}).starts_with("supervisor: status: --json takes no value"));
  CHECK(mistake({"top", "--interval", "x"}) ==
        "supervisor: top: --interval: x is not a number (supervisor top --help tells more)\n");
  CHECK(mistake({"scale", "a", "b", "3"}) ==
        "supervisor: scale: too many arguments; it takes [POOL] N (supervisor scale --help tells more)\n");
  CHECK(contains(mistake({"completion", "ksh"}),
                 "ksh is not a shell that is known here; say bash, zsh or fish"));
  CHECK_FALSE(contains(run_supervisor({"completion", "--help"}).output, "pools}"));
  CHECK(mistake({"scale", "-c", "pool.json"}).starts_with("supervisor: scale: say how many workers"));
}

TEST_CASE("an argument that stands for several things is written as a whole in the help") {
  const std::string init = run_supervisor({"init", "--help"}).output;
  CHECK(contains(init, "Usage: supervisor init [OPTIONS] [DIRECTORY | -- PROGRAM]\n"));
  CHECK_FALSE(contains(init, "DIRECTORY [DIRECTORY"));
  CHECK(contains(run_supervisor({"run", "--help"}).output,
                 "Usage: supervisor run [OPTIONS] -- PROGRAM [ARGUMENTS]\n"));
  CHECK(contains(run_supervisor({"scale", "--help"}).output, "supervisor scale [OPTIONS] [POOL] N\n"));
}

TEST_CASE("help names every command and its exit statuses") {
  const CommandResult help = run_supervisor({"--help"});
  CHECK(help.status == 0);
  for (const char* command : {"check", "schema", "status", "health", "top", "events", "reload", "restart",
                              "scale", "upgrade", "stop", "reset-failed"}) {
    CHECK(contains(help.output, std::string("\n  ") + command));
    const CommandResult one = run_supervisor({command, "--help"});
    CHECK(one.status == 0);
    CHECK(one.output.size() < 1200);
    CHECK(contains(one.output, "\nExit status:\n"));
  }
  CHECK(contains(help.output, "3  no supervisor listens at the control socket"));
}

TEST_CASE("reload prints what changed, or every mistake with status 1") {
  SupervisorUnderTest supervisor(two_pools(1), {.listeners = 2});
  supervisor.rewrite_config(two_pools(3));
  const CommandResult applied = run_supervisor({"reload", "-c", supervisor.config_file()});
  CHECK(applied.status == 0);
  CHECK(applied.output == "pool a: reloaded, workers 3\npool b: reloaded, unchanged\n");
  supervisor.rewrite_config(std::string("{\"pools\": {\"a\": {\"wokers\": 1}}, ") + kWithControl + "}");
  const CommandResult refused = run_supervisor({"reload", "-c", supervisor.config_file()});
  CHECK(refused.status == 1);
  CHECK(refused.output.empty());
  CHECK(contains(refused.errors, "/pools/a/wokers: the key \"wokers\" is not known here"));
  CHECK(contains(refused.errors, "supervisor: reload refused, nothing has changed\n"));
}

TEST_CASE("reload says of another name that another pool takes the place of the one that was") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_event("worker_ready");
  supervisor.rewrite_config(PoolText{.more = R"("name": "shop", "stop_timeout": "20s")"});
  const CommandResult renamed = run_supervisor({"reload", "-c", supervisor.config_file()});
  CHECK(renamed.status == 0);
  CHECK(renamed.output ==
        "supervisor: reloaded, stop_timeout\npool shop: added\n"
        "pool main: not in the configuration any more; stopping\n");
}

TEST_CASE("scale changes one pool until the next reload, within what is allowed") {
  SupervisorUnderTest supervisor(two_pools(1), {.listeners = 2});
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--control", supervisor.control()});
    return run_supervisor(arguments);
  };
  CHECK(run({"scale", "a", "3"}).output == "pool a: 3 workers until the next reload, 1 before\n");
  eventually("three serve",
             [&] { return contains(run({"health"}).output, "pool a: fine, 3 of 3 workers ready"); });
  const CommandResult which = run({"scale", "3"});
  CHECK(which.status == 1);
  CHECK(which.errors == "supervisor: which pool? There are a, b\n");
  CHECK(run({"scale", "c", "3"}).errors == "supervisor: there is no pool \"c\"; there are a, b\n");
  CHECK(run({"scale", "a", "4097"}).errors == "supervisor: a pool can have 0 to 4096 workers, not 4097\n");
  CHECK(run({"scale", "a", "0"}).status == 0);
  const CommandResult health = run({"health"});
  CHECK(health.status == 0);
  CHECK(contains(health.output, "pool a: fine, meant to have no workers\n"));
  CHECK(run({"reload"}).status == 0);
  eventually("as the file says", [&] { return contains(run({"health"}).output, "pool a: fine, 1 of 1"); });
}

TEST_CASE("restart replaces the workers, under load and without a failed connection") {
  SupervisorUnderTest supervisor(PoolText{.command = {"supervisor-worker", "line"}, .workers = 2});
  const PoolTable before = supervisor.wait_for_idle(2);
  Load load(supervisor.address(), "S 500\n", 3);
  CHECK(run_supervisor({"scale", "3", "--control", supervisor.control()}).status == 0);
  CHECK(run_supervisor({"restart", "main", "--control", supervisor.control()}).output ==
        "pool main: workers are replaced\n");
  const auto takes_over = [](const EventText& event) { return event.text("stage") == "takes_over"; };
  CHECK(supervisor.wait_for_event("rollout", takes_over).number("generation") == 2);
  supervisor.wait_for_pool("all are new, and as many as before", [&](const PoolTable& now) {
    bool renewed = now.workers.size() == 3 && now["workers"] == 3;
    for (const WorkerText& worker : now.workers) renewed = renewed && worker.generation == 2;
    return renewed;
  });
  load.wait_for_answers(10);
  CHECK(load.stop().flawless());
  CHECK(run_supervisor({"restart", "other", "--control", supervisor.control()}).status == 1);
}

TEST_CASE("stop returns when everything at hand is finished and the supervisor has gone") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_event("worker_ready");
  Client client(supervisor.address());
  supervisor.wait_for_pool("it is busy", [](const PoolTable& now) { return now.count("busy") == 1; });
  Client control("unix:" + supervisor.control());
  control.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stop\"}\n");
  CHECK(contains(control.receive_some(), "\"stopping\":true"));
  CHECK(run_supervisor({"health", "--control", supervisor.control()})
            .output.starts_with("the supervisor is stopping\n"));
  CHECK(run_supervisor({"scale", "2", "--control", supervisor.control()}).errors ==
        "supervisor: the supervisor is stopping\n");
  CHECK(run_supervisor({"reload", "--control", supervisor.control()}).status == 1);
  client.send("hello");
  client.finish();
  CHECK(client.receive() == "hello");
  CHECK(supervisor.await_exit() == 0);
  CHECK(control.receive().empty());
}

TEST_CASE("stop --quick does not wait for what is busy") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_event("worker_ready");
  const Client client(supervisor.address());
  supervisor.wait_for_pool("it is busy", [](const PoolTable& now) { return now.count("busy") == 1; });
  CHECK(run_supervisor({"stop", "--quick", "-c", supervisor.config_file()}).status == 1);
  CHECK(supervisor.await_exit() == 1);
  CHECK(run_supervisor({"events", "--control", supervisor.control()}).status == 3);
}

TEST_CASE("check says what has no effect and still calls the file fine; the log says it at the start") {
  const TestDirectory directory;
  const std::string file = directory.write(
      "pool.json", R"({"listen": "127.0.0.1:0", "command": ["/bin/cat"], "keep_alive": {"max": 5}})");
  const CommandResult check = run_supervisor({"check", "-c", file});
  CHECK(check.status == 0);
  CHECK(contains(check.output, ": fine"));
  CHECK(contains(check.errors, "warning: " + file + ": /keep_alive/max: has no effect"));
  SupervisorUnderTest supervisor(PoolText{.more = R"("keep_alive": {"max": 5})"});
  CHECK(contains(supervisor.wait_for_log("/keep_alive/max: has no effect"), " warning "));
}

TEST_CASE("FAULTS 93: a command whose output is lost says so, with status 1") {
  SupervisorUnderTest supervisor(PoolText{.workers = 1, .control = true});
  supervisor.wait_for_idle(1);
  const std::string& file = supervisor.config_file();
  const std::string other =
      supervisor.directory().write("other.json", R"({"listen": ":0", "command": ["/bin/true"]})");
  const std::vector<std::vector<std::string>> commands = {{"status", "-c", file},
                                                          {"status", "--json", "-c", file},
                                                          {"health", "-c", file},
                                                          {"reload", "-c", file},
                                                          {"restart", "-c", file},
                                                          {"scale", "2", "-c", file},
                                                          {"reset-failed", "-c", file},
                                                          {"check", "-c", other},
                                                          {"schema"},
                                                          {"--help"},
                                                          {"--version"}};
  for (const auto& command : commands) {
    const CommandResult full = run_supervisor(command, Stdout::kFullDisk);
    CHECK_MESSAGE(full.status == 1, command.front());
    CHECK(contains(full.errors, "supervisor: the output is lost: stdout: No space left on device\n"));
    const CommandResult closed = run_supervisor(command, Stdout::kClosed);
    CHECK_MESSAGE(closed.status == 1, command.front());
    CHECK(contains(closed.errors, "supervisor: the output is lost: stdout: Bad file descriptor\n"));
  }
  CHECK(supervisor.count_in_log("pool main: restart requested") == 2);
}
