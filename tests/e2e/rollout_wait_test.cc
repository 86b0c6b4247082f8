// reload --wait and restart --wait: what a script that deploys is told, and what the status says afterwards.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/commands/answering_server.h"
#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"
#include "tests/support/test_directory.h"

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

/// Table, JSON, health and the last event say the same of the last rollout. `reason`: why it has failed; "":
/// it has taken over.
void check_told(SupervisorUnderTest& supervisor, unsigned generation, const std::string& reason = "") {
  const std::string number = std::to_string(generation);
  const bool failed = !reason.empty();
  CAPTURE(number);
  const std::string table = command(supervisor, {"status"}).output;
  CHECK(contains(table, "  rollout: generation " + number + (failed ? " failed " : " took over ")));
  CHECK(contains(table, reason));
  const std::string json = command(supervisor, {"status", "--json"}).output;
  CHECK(contains(json, R"("rollout": {)"
                       "\n        \"generation\": " +
                           number + ",\n        \"outcome\": \"" + (failed ? "failed" : "took_over") + '"'));
  CHECK(contains(json, reason));
  const CommandResult health = command(supervisor, {"health"});
  CHECK(health.status == 0);  // the pool serves
  CHECK(contains(health.output, failed ? "ready; rollout: generation " + number + " failed " : "ready\n"));
  CHECK(contains(health.output, reason));
  const EventText last = supervisor.events("rollout").back();
  CHECK(last.number("generation") == generation);
  CHECK(last.text("stage") == (failed ? "failed" : "takes_over"));
  if (failed) CHECK(contains(last.text("text"), reason));
}

/// The next generation goes on with `then` when the gate `go` is opened.
PoolText gated(PoolText pool, const std::vector<std::string>& then = {"ready", "loop"}) {
  std::vector<std::string> steps{"gate:go"};
  steps.insert(steps.end(), then.begin(), then.end());
  pool.command = scripted(steps);
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
  const PoolText good_pool = pool;
  CHECK(contains(good.output, "; workers are replaced: environment\n"));
  CHECK(good.output.ends_with("pool main: generation 2 has taken over\n"));
  check_told(supervisor, 2);
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
      {scripted({"ready", "send-garbage:31", "hang"}), "", "{}",
       "(broke the protocol: it sent a datagram of 31 bytes; allowed are 1 to 64 blocks of 32)"},
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
    check_told(supervisor, generation, bad.reason);
    if (generation == 3) {
      CHECK(contains(refused.errors, "supervisor: pool main: last wrote: no module named shop\n"));
      CHECK(contains(command(supervisor, {"status"}).output, "    last wrote: no module named shop\n"));
    }
  }
  const CommandResult mistaken = (supervisor.rewrite_config("{"), command(supervisor, {"reload", "--wait"}));
  CHECK(mistaken.status == 1);
  CHECK(mistaken.errors.ends_with("reload refused, nothing has changed\n"));
  CHECK(load.stop().hung == 0);

  supervisor.upgrade();
  check_told(supervisor, 6, "did not serve what it was given on trial");
  supervisor.rewrite_config(good_pool);
  const std::string taken_back = "; the configuration was changed back since then\n";
  CHECK_FALSE(contains(command(supervisor, {"health"}).output, taken_back));
  REQUIRE(command(supervisor, {"reload"}).status == 0);
  CHECK(contains(command(supervisor, {"health"}).output, taken_back));
  CHECK(command(supervisor, {"restart"}).output == "pool main: workers are replaced\n");
}

TEST_CASE("FAULTS 198: where no worker serves, a version has taken over when a worker is of use") {
  PoolText pool{.command = {"/bin/sh", "-c", "echo broken; exit 1"}};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_event("rollout", where("stage", "does_not_start"));
  CHECK(contains(command(supervisor, {"status"}).output, "  rollout: generation 1 failed "));
  const CommandResult broken = command(supervisor, {"restart", "--wait"});
  CHECK(broken.status == 1);
  CHECK(contains(broken.errors, "generation 2 has failed: exited with status 1"));
  CHECK(broken.errors.ends_with("; others are still started\n"));
  CHECK(broken.output.starts_with(
      "pool main: workers are replaced by the version whose rollout failed: it is tried again; "));
  const CommandResult unchanged = command(supervisor, {"reload", "--wait"});  // begins no rollout
  CHECK(unchanged.status == 1);
  CHECK(unchanged.output == "pool main: reloaded, unchanged\n");
  CHECK(contains(unchanged.errors, "generation 2 has failed: exited with status 1"));
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
  CHECK(
      unchanged.output ==
      "pool main: reloaded, unchanged\nno rollout has begun: there is nothing to wait for; what the program "
      "itself loads is not looked at: after a change of it use supervisor restart --wait\n");
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
  bool good = false;
  SUBCASE("with a good version") { good = true; }
  SUBCASE("with one that fails after the upgrade") {}
  supervisor.rewrite_config(good ? gated(pool) : gated(pool, {"die:exit=3"}));
  RunningCommand waiting(reload_wait(supervisor));
  REQUIRE(waiting.prints("generation 2 is on trial"));
  CHECK(command(supervisor, {"health"}).output ==
        "pool main: fine, 1 of 1 worker ready; generation 2 is on trial\n");
  supervisor.upgrade();
  supervisor.gates().open("go");
  CHECK(waiting.prints(good ? "pool main: generation 2 has taken over"
                            : "pool main: generation 2 has failed: exited with status 3"));
  CHECK(waiting.end() == (good ? 0 : 1));
  check_told(supervisor, 2, good ? "" : "exited with status 3");
}

TEST_CASE("FAULTS 199: two waits for one rollout get the same verdict") {
  PoolText pool{.workers = 1};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_idle(1);
  bool good = false;
  SUBCASE("good") { good = true; }
  SUBCASE("bad") {}
  supervisor.rewrite_config(good ? gated(pool) : gated(pool, {"die:exit=3"}));
  RunningCommand first(reload_wait(supervisor));
  REQUIRE(first.prints("generation 2 is on trial"));
  RunningCommand second(reload_wait(supervisor));  // of the same file
  REQUIRE(second.prints("generation 2 is on trial"));
  supervisor.gates().open("go");
  for (RunningCommand* waiting : {&first, &second}) {
    CHECK(waiting->prints(good ? "generation 2 has taken over"
                               : "generation 2 has failed: exited with status 3"));
    CHECK(waiting->end() == (good ? 0 : 1));
  }
  check_told(supervisor, 2, good ? "" : "exited with status 3");
}

TEST_CASE("FAULTS 197: a wait ends when the supervisor was killed and another one answers in its place") {
  const auto status = [](int pid, int uptime_ms, const std::string& rollout) {
    return R"({"result": {"pid": )" + std::to_string(pid) + R"(, "uptime_ms": )" + std::to_string(uptime_ms) +
           R"(, "pools": [{"name": "web", "generation": 1, "rollout": {)" + rollout + "}}]}}";
  };
  const std::string served = R"("generation": 1, "outcome": "took_over")";
  const std::string subscribed = R"({"result": {"seq": 0}})";
  std::string next;
  SUBCASE("with another pid") { next = status(8, 60'000, served); }
  SUBCASE("with the same pid, in a pid namespace of its own") { next = status(7, 500, served); }
  const TestDirectory directory;
  const AnsweringServer supervisors(
      directory.at("socket"),
      {subscribed, status(7, 60'000, served), R"({"result": {"applied": true}})",
       status(7, 60'000, R"("generation": 2, "outcome": "on_trial")")},
      {subscribed, next});
  const CommandResult waited = run_supervisor({"reload", "--wait", "--control", directory.at("socket")});
  CHECK(waited.status == 1);
  CHECK(waited.output == "pool web: generation 2 is on trial\n");
  CHECK(waited.errors ==
        "supervisor: the supervisor has stopped, and another one answers now; what has become of the rollout "
        "is "
        "not known\n");
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
    supervisor.gates().open_for_good("go");  // the worker of generation 2 may still wait there
    CHECK(next.prints("generation 3 has taken over"));
    CHECK(next.end() == 0);
  }
  SUBCASE("the pool is removed") {
    supervisor.rewrite_config(pools_text({{"other", {}}}));
    const CommandResult removing = command(supervisor, {"reload", "--wait"});
    CHECK(removing.status == 0);
    CHECK(contains(removing.output, "pool main: not in the configuration any more; stopping\n"));
    CHECK(removing.output.ends_with("pool other: generation 1 has taken over\n"));
    CHECK(waiting.prints("pool main: it is not in the configuration any more"));
    CHECK(waiting.end() == 1);
  }
  SUBCASE("the supervisor stops") {
    SUBCASE("by a signal") { supervisor.signal(SIGTERM); }
    SUBCASE("by command") { CHECK(command(supervisor, {"stop"}).status == 0); }
    CHECK(waiting.prints("the supervisor "));  // "is stopping", or it "has stopped"
    CHECK(waiting.end() == 1);
    CHECK(supervisor.await_exit() == 0);
  }
}
