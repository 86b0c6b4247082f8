// The log is a file that the configuration names.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/eventually.h"
#include "tests/support/supervisor_under_test.h"
#include "tests/support/test_directory.h"

using namespace prefork::test;

namespace {

std::string text_in(const std::string& path) {
  std::ostringstream all;
  all << std::ifstream(path).rdbuf();
  return all.str();
}

void wait_for_text(const std::string& path, const std::string& text) {
  eventually(text + " in " + path, [&] { return text_in(path).find(text) != std::string::npos; });
}

/// A supervisor with a log file in a directory of the test's own. Its worker writes a line.
struct LogFile {
  explicit LogFile(const std::string& program = {}) {
    std::filesystem::create_directory(directory.at("logs"));
    SupervisorUnderTest::Options options;
    options.await_start = false;
    options.program = program;
    supervisor = std::make_unique<SupervisorUnderTest>(text(path).text(), options);
    wait_for_text(path, "listening on");
  }
  [[nodiscard]] PoolText text(const std::string& file) const {
    return {.command = {"sh", "-c", "echo from the worker; exec supervisor-worker echo"},
            .listen = {"unix:" + directory.at("pool.sock")},
            .more = R"("log": {"file": ")" + file + "\"}"};
  }
  [[nodiscard]] std::string ask() const {
    return prefork::test::ask("unix:" + directory.at("pool.sock"), "hello");
  }
  [[nodiscard]] CommandResult command(const std::string& name) const {
    return run_supervisor({name, "-c", supervisor->config_file()});
  }
  void rename(const std::string& from, const std::string& to) const {
    std::filesystem::rename(directory.at(from), directory.at(to));
  }

  TestDirectory directory;
  std::string path = directory.at("logs/web.log");
  std::unique_ptr<SupervisorUnderTest> supervisor;
};

std::string without_control(PoolText pool) {
  pool.control = false;
  return pool.text();
}

}  // namespace

TEST_CASE("FAULTS 126: after logrotate's rename SIGUSR1 and SIGHUP make the log go on in a new file") {
  const LogFile log;
  wait_for_text(log.path, ": from the worker\n");
  log.rename("logs/web.log", "logs/web.log.1");
  log.supervisor->signal(SIGUSR1);
  wait_for_text(log.path, "scoreboard: ");
  CHECK(text_in(log.path).find("log file opened again: " + log.path) != std::string::npos);
  CHECK(text_in(log.directory.at("logs/web.log.1")).find("scoreboard: ") == std::string::npos);
  log.rename("logs/web.log", "logs/web.log.2");
  log.supervisor->signal(SIGHUP);
  wait_for_text(log.path, "pool main: reloaded, unchanged");
  CHECK(log.command("reload").status == 0);
  CHECK(text_in(log.path).find("opened again", text_in(log.path).find("opened again") + 1) ==
        std::string::npos);
  CHECK(log.ask() == "hello");
  CHECK(log.supervisor->stop() == 0);
  wait_for_text(log.path, " stopped\n");
  CHECK(log.supervisor->log() == "supervisor: the log is written to " + log.path + '\n');
}

TEST_CASE("FAULTS 126: an upgrade goes on in the log file, also in one that was renamed meanwhile") {
  const Program program;
  const LogFile log(program.path());
  log.supervisor->upgrade();
  wait_for_text(log.path, "has taken over from");
  log.rename("logs/web.log", "logs/web.log.1");
  log.supervisor->upgrade();
  wait_for_text(log.path, "log file opened again");
  wait_for_text(log.directory.at("logs/web.log.1"), "upgrade: examining");
  CHECK(log.ask() == "hello");
  CHECK(log.supervisor->log() == "supervisor: the log is written to " + log.path + '\n');
}

TEST_CASE(
    "FAULTS 127: a log file that cannot be opened is one refusal, at the start, at a reload and by check") {
  const LogFile log;
  const std::string missing = log.directory.at("missing/web.log");
  const std::string denied = "/proc/web.log";  // which not even root can create
  log.supervisor->rewrite_config(log.text(missing));
  const CommandResult refused = log.command("reload");
  CHECK(refused.status == 1);
  CHECK(
      (refused.output + refused.errors).find("/log/file: \"" + log.directory.at("missing") + "\": No such") !=
      std::string::npos);
  const CommandResult checked = log.command("check");
  CHECK(checked.status == 2);
  CHECK(checked.errors.find("/log/file: \"" + log.directory.at("missing")) != std::string::npos);
  log.supervisor->rewrite_config(log.text(denied));
  CHECK(log.command("reload").status == 1);
  wait_for_text(log.path, "reload refused, nothing has changed: " + log.supervisor->config_file() +
                              ": /log/file: /proc/web.log cannot be opened");
  CHECK(log.ask() == "hello");

  const std::string own = log.directory.write("start.json", without_control(log.text(denied)));
  const CommandResult started = run_supervisor({"-c", own});
  CHECK(started.status == 2);
  CHECK(started.errors.find(own + ": /log/file: /proc/web.log cannot be opened") != std::string::npos);
}

TEST_CASE(
    "FAULTS 492: a log file that cannot be opened again is seen in the status and by health, until it can") {
  const LogFile log;
  CHECK(log.command("status").output.find("log file: ") == std::string::npos);
  log.rename("logs", "old");
  log.supervisor->signal(SIGUSR1);
  const std::string fault =
      "log file: " + log.path + " cannot be opened: No such file or directory; lines go on to the ";
  eventually("the status says so",
             [&] { return log.command("status").output.find(fault) != std::string::npos; });
  const CommandResult health = log.command("health");
  CHECK(health.status == 0);
  CHECK(contains(health.output, fault));
  log.rename("old", "logs");
  log.rename("logs/web.log", "logs/web.log.1");
  log.supervisor->signal(SIGUSR1);
  wait_for_text(log.path, "log file opened again");
  CHECK(log.command("health").output.find("log file") == std::string::npos);
}

TEST_CASE("a reload moves the log to another file, and back to standard error") {
  const LogFile log;
  const std::string other = log.directory.at("other.log");
  log.supervisor->rewrite_config(
      log.text("../" + std::filesystem::path(log.directory.path()).filename().string() + "/other.log"));
  CHECK(log.command("reload").output == "supervisor: reloaded, log.file\npool main: reloaded, unchanged\n");
  PoolText without = log.text("");
  without.more.clear();
  log.supervisor->rewrite_config(without);
  CHECK(log.command("reload").status == 0);
  CHECK_FALSE(text_in(log.path).ends_with("pool main: reloaded, unchanged\n"));
  CHECK(log.supervisor->wait_for_log("pool main: reloaded, unchanged").find("info") != std::string::npos);
}

TEST_CASE("a start that fails says so on standard error, too") {
  const LogFile log;
  const std::string own = log.directory.at("own.log");
  const CommandResult second =
      run_supervisor({"-c", log.directory.write("second.json", without_control(log.text(own)))});
  CHECK(second.status == 1);
  CHECK(second.errors.find("Address already in use") != std::string::npos);
  CHECK(text_in(own).find("Address already in use") != std::string::npos);
}
