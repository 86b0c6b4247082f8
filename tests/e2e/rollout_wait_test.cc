// reload --wait and restart --wait: what a script that deploys is told, and what the status says afterwards.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// A command that is read line by line while it runs.
class RunningCommand {
 public:
  explicit RunningCommand(const std::string& arguments)
      : pipe_(::popen((SupervisorUnderTest::built_program() + " " + arguments + " 2>&1").c_str(), "r")) {
    REQUIRE(pipe_ != nullptr);
  }
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;
  ~RunningCommand() {
    if (pipe_ != nullptr) (void)::pclose(pipe_);
  }
  /// Reads until a line has `text`; false: the output ends without such a line.
  bool prints(const std::string& text) {
    std::array<char, 4096> line{};
    while (std::fgets(line.data(), line.size(), pipe_) != nullptr) {
      read_ += line.data();
      if (std::string(line.data()).find(text) != std::string::npos) return true;
    }
    MESSAGE("\"" << text << "\" is not in: " << read_);
    return false;
  }
  /// The exit status.
  int end() {
    const int status = ::pclose(pipe_);
    pipe_ = nullptr;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  FILE* pipe_;
  std::string read_;
};

CommandResult command(const SupervisorUnderTest& supervisor, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--control", supervisor.control()});
  return run_supervisor(arguments);
}

std::string reload_wait(const SupervisorUnderTest& supervisor) {
  return "reload --wait --control " + supervisor.control();
}

/// The next generation is ready when the gate `go` is opened.
PoolText gated(PoolText pool) {
  pool.command = scripted({"gate:go", "ready", "loop"});
  return pool;
}

}  // namespace

TEST_CASE(
    "FAULTS 151: a script that deploys a good, a dying, a hanging and a refusing version is told of each") {
  PoolText pool{.command = {"supervisor-worker", "line"}, .workers = 2};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_idle(2);
  Load load(supervisor.address(), "W 0\n", 4);
  load.wait_for_answers(10);
  const auto deploy = [&](std::vector<std::string> version, const std::string& more,
                          const std::string& probation) {
    pool.command = std::move(version);
    pool.more = more;
    pool.probation = probation;
    supervisor.rewrite_config(pool);
    return command(supervisor, {"reload", "--wait"});
  };

  const CommandResult good =
      deploy({"supervisor-worker", "line"}, R"("environment": {"VERSION": "2"})", R"({"time": "10ms"})");
  CHECK_MESSAGE(good.status == 0, good.errors);
  CHECK(contains(good.output, "; workers are replaced: environment\n"));
  CHECK(good.output.ends_with("pool main: generation 2 has taken over\n"));
  CHECK(contains(command(supervisor, {"status"}).output, "  rollout: generation 2 took over "));
  CHECK(command(supervisor, {"health"}).output == "pool main: fine, 2 of 2 workers ready\n");

  struct Bad {
    std::vector<std::string> version;
    std::string more;
    std::string probation;
    std::string reason;
  };
  const std::vector<Bad> versions = {
      {{"/bin/sh", "-c", "echo no module named shop >&2; exit 3"}, "", "{}", "exited with status 3"},
      {scripted({"hang"}), R"("health": {"start_timeout": "500ms"})", "{}", "no Ready within start_timeout"},
      {scripted({"ready", "recv", "close", "refused", "loop"}), "", R"({"time": "100ms"})",
       "did not serve what it was given on trial"}};
  unsigned generation = 2;
  for (const Bad& bad : versions) {
    CAPTURE(bad.reason);
    const std::string name = "generation " + std::to_string(++generation);
    const CommandResult refused = deploy(bad.version, bad.more, bad.probation);
    CHECK(refused.status == 1);
    CHECK(contains(refused.errors, "supervisor: pool main: " + name + " has failed: "));
    CHECK(contains(refused.errors, bad.reason));
    CHECK(refused.errors.ends_with("; generation 2 serves on\n"));
    const std::string table = command(supervisor, {"status"}).output;
    CHECK(contains(table, "  rollout: " + name + " failed "));
    CHECK(contains(table, bad.reason));
    const CommandResult health = command(supervisor, {"health"});
    CHECK(health.status == 0);  // the pool serves
    CHECK(contains(health.output, "workers ready; rollout: " + name + " failed "));
    CHECK(contains(command(supervisor, {"status", "--json"}).output, R"("outcome": "failed")"));
    if (generation == 3) {
      CHECK(contains(refused.errors, "supervisor: pool main: last wrote: no module named shop\n"));
      CHECK(contains(table, "    last wrote: no module named shop\n"));
    }
  }
  const CommandResult mistaken = (supervisor.rewrite_config("{"), command(supervisor, {"reload", "--wait"}));
  CHECK(mistaken.status == 1);
  CHECK(mistaken.errors.ends_with("reload refused, nothing has changed\n"));
  CHECK(load.stop().hung == 0);

  supervisor.upgrade();
  CHECK(contains(command(supervisor, {"status"}).output, "  rollout: generation 5 failed "));
  CHECK(contains(command(supervisor, {"status"}).output, "did not serve what it was given on trial"));
}

TEST_CASE("FAULTS 151: where no worker serves, a version has taken over when a worker is of use") {
  PoolText pool{.command = {"/bin/sh", "-c", "echo broken; exit 1"}};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_event("rollout", where("stage", "does_not_start"));
  CHECK(contains(command(supervisor, {"status"}).output, "  rollout: generation 1 failed "));
  const CommandResult broken = command(supervisor, {"restart", "--wait"});
  CHECK(broken.status == 1);
  CHECK(contains(broken.errors, "generation 2 has failed: exited with status 1"));
  CHECK(broken.errors.ends_with("; others are still started\n"));
  pool.command = {"supervisor-worker", "echo"};
  supervisor.rewrite_config(pool);
  const CommandResult mended = command(supervisor, {"reload", "--wait"});
  CHECK_MESSAGE(mended.status == 0, mended.errors);
  CHECK(mended.output.ends_with("pool main: generation 3 has taken over\n"));
}

TEST_CASE("a reload that begins no rollout returns at once, and so does a pool that is to have no workers") {
  PoolText pool{.workers = 1};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_event("rollout", where("stage", "serves"));
  const CommandResult unchanged = command(supervisor, {"reload", "--wait"});
  CHECK(unchanged.status == 0);
  CHECK(unchanged.output == "pool main: reloaded, unchanged\n");
  REQUIRE(command(supervisor, {"scale", "0"}).status == 0);
  supervisor.wait_for_pool("no worker is left", [](const PoolTable& now) { return now.workers.empty(); });
  const CommandResult empty = command(supervisor, {"restart", "--wait"});
  CHECK(empty.status == 0);
  CHECK(empty.output.ends_with(
      "pool main: generation 2 has taken over, untried: the pool is to have no workers now\n"));
}

TEST_CASE("with several pools the verdict is that of all, and one pool can be restarted alone") {
  const auto file = [](const std::string& command_of_b) {
    return pools_text({{"a", {}}, {"b", {.command = {"/bin/sh", "-c", command_of_b}}}});
  };
  SupervisorUnderTest supervisor(file("exec supervisor-worker echo"), {.listeners = 2});
  for (int i = 0; i < 2; ++i) supervisor.wait_for_event("rollout", where("stage", "serves"));
  const CommandResult one = command(supervisor, {"restart", "a", "--wait"});
  CHECK(one.status == 0);
  CHECK(one.output.ends_with("pool a: generation 2 has taken over\n"));
  CHECK(one.output.find("pool b") == std::string::npos);
  supervisor.rewrite_config(file("exit 1"));
  const CommandResult both = command(supervisor, {"reload", "--wait"});
  CHECK(both.status == 1);
  CHECK(both.output.find("pool a: generation") == std::string::npos);
  CHECK(contains(both.errors, "pool b: generation 2 has failed"));
}

TEST_CASE("FAULTS 152: a wait goes on through an upgrade, and ends with its rollout") {
  PoolText pool{.workers = 1};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_idle(1);
  supervisor.rewrite_config(gated(pool));
  RunningCommand waiting(reload_wait(supervisor));
  REQUIRE(waiting.prints("generation 2 is on trial"));
  CHECK(command(supervisor, {"health"}).output ==
        "pool main: fine, 1 of 1 workers ready; generation 2 is on trial\n");
  supervisor.upgrade();
  supervisor.gates().open("go");
  CHECK(waiting.prints("pool main: generation 2 has taken over"));
  CHECK(waiting.end() == 0);
}

TEST_CASE("FAULTS 152: a wait ends when its rollout gets no verdict any more") {
  PoolText pool{.workers = 1};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_idle(1);
  supervisor.rewrite_config(gated(pool));
  RunningCommand waiting(reload_wait(supervisor));
  REQUIRE(waiting.prints("generation 2 is on trial"));
  SUBCASE("another reload replaces it") {
    pool.more = R"("environment": {"VERSION": "3"})";
    supervisor.rewrite_config(gated(pool));
    RunningCommand next(reload_wait(supervisor));
    CHECK(waiting.prints("generation 2 has not taken over: generation 3 has been requested since"));
    CHECK(waiting.end() == 1);
    CHECK(supervisor.events("rollout", where("stage", "abandoned")).size() == 1);
    supervisor.gates().open("go");
    CHECK(next.prints("generation 3 has taken over"));
    CHECK(next.end() == 0);
  }
  SUBCASE("the pool is removed") {
    supervisor.rewrite_config(pools_text({{"other", {}}}));
    supervisor.signal(SIGHUP);
    CHECK(waiting.prints("pool main: it is not in the configuration any more"));
    CHECK(waiting.end() == 1);
  }
  SUBCASE("the supervisor stops") {
    supervisor.signal(SIGTERM);
    CHECK(waiting.prints("the supervisor "));  // "is stopping", or it "has stopped"
    CHECK(waiting.end() == 1);
    CHECK(supervisor.await_exit() == 0);
  }
}
