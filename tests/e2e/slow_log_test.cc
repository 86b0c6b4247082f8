// The log is a file on a disk that hangs.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// A supervisor whose log is a file of the test's; stall() makes each further write to it wait.
struct SlowLog {
  explicit SlowLog(const Program& program) {
    const std::string file = path;
    SupervisorUnderTest::Options options;
    options.await_start = false;
    options.program = program.path();
    options.environment = {std::string("LD_PRELOAD=") + SLOW_CALLS_LIBRARY};
    options.in_child = [file] {
      (void)::dup2(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), STDERR_FILENO);
    };
    supervisor = std::make_unique<SupervisorUnderTest>(text(1).text(), options);
    wait_for("listening on");
  }

  [[nodiscard]] PoolText text(unsigned workers) const {
    return {.workers = workers, .listen = {"unix:" + directory.at("pool.sock")}, .control = true};
  }
  [[nodiscard]] std::string log() const {
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  }
  void wait_for(const std::string& line) const {
    eventually(line + " in the log", [&] { return log().find(line) != std::string::npos; });
  }
  void stall() const {
    std::ofstream(supervisor->gates().directory() + "/stall").flush();
    supervisor->signal(SIGUSR1);
    (void)supervisor->gates().wait_for_marks("writing");
  }
  [[nodiscard]] std::string ask() const {
    return prefork::test::ask("unix:" + directory.at("pool.sock"), "hello");
  }
  [[nodiscard]] CommandResult command(const std::string& name) const {
    return run_supervisor({name, "-c", supervisor->config_file()});
  }

  TestDirectory directory;
  std::string path = directory.at("slow.log");
  std::unique_ptr<SupervisorUnderTest> supervisor;
};

}  // namespace

TEST_CASE("FAULTS 88: while the log's disk hangs, the supervisor serves, reloads and stops") {
  const Program program;
  const SlowLog slow(program);
  slow.stall();
  for (int i = 0; i < 5; ++i) CHECK(slow.ask() == "hello");
  slow.supervisor->rewrite_config(slow.text(2));
  const CommandResult reloaded = slow.command("reload");
  CHECK(reloaded.status == 0);
  CHECK(reloaded.output == "pool main: reloaded, workers 2\n");
  eventually("the new worker is ready",
             [&] { return slow.command("health").output.find("2 of 2 workers ready") != std::string::npos; });
  CHECK(slow.log().find("reloaded") == std::string::npos);
  slow.supervisor->signal(SIGTERM);
  CHECK(slow.supervisor->await_exit() == 0);
}

TEST_CASE("FAULTS 88: lines that have waited for the disk are written when it answers, also by an upgrade") {
  const Program program;
  const SlowLog slow(program);
  slow.stall();
  slow.supervisor->rewrite_config(slow.text(2));
  CHECK(slow.command("reload").status == 0);
  slow.supervisor->signal(SIGUSR2);
  CHECK(slow.ask() == "hello");
  slow.supervisor->gates().open_for_good("disk");
  slow.wait_for("has taken over from");
  const std::string log = slow.log();
  for (const char* line : {"scoreboard: ", "pool main: reloaded, workers 2", "upgrade: examining",
                           "takes over", "has taken over from"}) {
    const std::size_t at = log.find(line);
    CHECK_MESSAGE(at != std::string::npos, line);
    CHECK_MESSAGE(log.find(line, at + 1) == std::string::npos, line);
  }
  CHECK(slow.ask() == "hello");
}

TEST_CASE(
    "FAULTS 128: while a log file cannot be opened for its disk, the supervisor serves, reloads and stops") {
  const TestDirectory directory;
  const std::string address = "unix:" + directory.at("pool.sock");
  const auto text = [&](unsigned workers, const std::string& file) {
    return PoolText{.workers = workers, .listen = {address}, .more = R"("log": {"file": ")" + file + "\"}"};
  };
  const std::string path = directory.at("slow.log");
  SupervisorUnderTest::Options options;
  options.await_start = false;
  options.environment = {std::string("LD_PRELOAD=") + SLOW_CALLS_LIBRARY};
  SupervisorUnderTest supervisor(text(1, path).text(), options);
  const auto reload = [&] { return run_supervisor({"reload", "-c", supervisor.config_file()}); };
  const auto text_in = [](const std::string& file) {
    std::ostringstream all;
    all << std::ifstream(file).rdbuf();
    return all.str();
  };
  eventually("it has started", [&] { return text_in(path).find("listening on") != std::string::npos; });
  (void)supervisor.wait_for_idle(1);
  std::ofstream(supervisor.gates().directory() + "/stall-open").flush();
  CHECK(::rename(path.c_str(), directory.at("old.log").c_str()) == 0);
  supervisor.signal(SIGUSR1);
  (void)supervisor.gates().wait_for_marks("opening");
  CHECK(ask(address, "hello") == "hello");
  supervisor.rewrite_config(text(2, path));
  CHECK(reload().output == "pool main: reloaded, workers 2\n");
  (void)supervisor.wait_for_idle(2);
  supervisor.rewrite_config(text(3, directory.at("other.log")));
  const CommandResult refused = reload();
  CHECK(refused.status == 1);
  CHECK((refused.output + refused.errors).find("the disk of the log does not answer") != std::string::npos);
  CHECK(ask(address, "hello") == "hello");
  CHECK(supervisor.pool().pids().size() == 2);

  supervisor.gates().open_for_good("disk");
  eventually("the lines are in the new file", [&] {
    const std::string log = text_in(path);
    return log.find("workers 2") != std::string::npos && log.find("scoreboard") != std::string::npos;
  });
  CHECK(supervisor.stop() == 0);
}

TEST_CASE(
    "FAULTS 178: a reload that names a log file on a disk that does not answer leaves the log as it is, and "
    "an upgrade says what it waits for") {
  const TestDirectory directory;
  const Program program;
  const std::string address = "unix:" + directory.at("pool.sock");
  const std::string path = directory.at("fine.log");
  const auto text = [&](const std::string& file) {
    return PoolText{.listen = {address}, .more = R"("log": {"file": ")" + file + "\"}"};
  };
  SupervisorUnderTest::Options options;
  options.await_start = false;
  options.program = program.path();
  options.environment = {std::string("LD_PRELOAD=") + SLOW_CALLS_LIBRARY};
  SupervisorUnderTest supervisor(text(path).text(), options);
  const auto wait_for = [&](const std::string& line) {
    eventually(line + " in the log", [&] {
      std::ostringstream all;
      all << std::ifstream(path).rdbuf();
      return all.str().find(line) != std::string::npos;
    });
  };
  wait_for("listening on");
  (void)supervisor.wait_for_idle(1);
  std::ofstream(supervisor.gates().directory() + "/stall-open").flush();
  supervisor.rewrite_config(text(directory.at("slow.log")));
  const auto refusal = [&] {
    const CommandResult refused = run_supervisor({"reload", "-c", supervisor.config_file()});
    CHECK(refused.status == 1);
    return refused.output + refused.errors;
  };
  for (int i = 0; i < 4; ++i)
    CHECK(refusal().find("/slow.log: its disk does not answer") != std::string::npos);
  CHECK(refusal().find("named before do not answer") != std::string::npos);
  wait_for("named before do not answer");
  supervisor.signal(SIGUSR2);
  wait_for("upgrade: the disk of a log file that a reload has named does not answer; the upgrade waits");
  CHECK(ask(address, "hello") == "hello");
  supervisor.gates().open_for_good("disk");
  wait_for("has taken over from");
  CHECK(ask(address, "hello") == "hello");
}
