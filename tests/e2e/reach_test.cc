// What users cannot reach: check, a start and a reload say the same of it. As root, for the tests need users.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/eventually.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

constexpr const char* kUser = R"("user": "4711", "group": "4711")";

bool is_root() { return ::geteuid() == 0; }

void let_all_read(const SupervisorUnderTest& supervisor) {
  REQUIRE(::chmod(supervisor.directory().path().c_str(), 0755) == 0);
}

unsigned user_of(const SupervisorUnderTest& supervisor) {
  std::ifstream lines("/proc/" + std::to_string(supervisor.pid()) + "/status");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Uid:\t")) return static_cast<unsigned>(std::stoul(line.substr(5)));
  }
  return 0;
}

std::string text_in(const std::string& path) {
  std::ostringstream all;
  all << std::ifstream(path).rdbuf();
  return all.str();
}

}  // namespace

TEST_CASE("FAULTS 184: a start refuses what check refuses, in the same words") {
  if (!is_root()) return;
  const TestDirectory directory;
  const std::string program = directory.write("worker", "#!/bin/sh\n", 0755);
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  REQUIRE(::mkdir(directory.at("data").c_str(), 0700) == 0);
  const std::string file =
      directory.write("pool.json", PoolText{.command = {program},
                                            .control = false,
                                            .more = std::string(kUser) + R"(, "directory": "data")"}
                                       .text());
  const CommandResult check = run_supervisor({"check", "-c", file});
  CHECK(check.status == 2);
  CHECK(contains(check.errors,
                 "supervisor: " + file + ": /directory: the pool's user \"4711\" cannot run in \"" +
                     directory.at("data") + "\": " + directory.at("data") + ": Permission denied; "));
  const CommandResult start = run_supervisor({"-c", file});
  CHECK(start.status == 2);
  CHECK(start.errors == check.errors);
}

TEST_CASE("FAULTS 184: a reload refuses a program that the pool's user cannot execute") {
  if (!is_root()) return;
  PoolText pool{.command = {"/bin/sleep", "60"}, .more = kUser};
  std::string without_user;
  SUBCASE("root was given up: the modes tell it") {}
  SUBCASE("the supervisor is still root: it asks as that user") { without_user = "keeps-root"; }
  const auto text = [&] {
    return without_user.empty()
               ? pool.text()
               : pools_text({{"main", pool}, {without_user, PoolText{.command = {"/bin/sleep", "60"}}}});
  };
  SupervisorUnderTest supervisor(text(), {.listeners = without_user.empty() ? 1U : 2U});
  let_all_read(supervisor);
  const std::string program = supervisor.directory().write("worker", "#!/bin/sh\n", 0700);
  REQUIRE(::chown(program.c_str(), user_of(supervisor), 0) == 0);
  pool.command = {program};
  supervisor.rewrite_config(text());
  const CommandResult check = run_supervisor({"check", "-c", supervisor.config_file()});
  REQUIRE(check.status == 2);
  const CommandResult reload = run_supervisor({"reload", "-c", supervisor.config_file()});
  CHECK(reload.status == 1);
  CHECK(contains(reload.errors, check.errors));
  CHECK(contains(reload.errors, "command: the pool's user \"4711\" cannot run \"" + program + "\": " +
                                    program + ": Permission denied; let the user execute it (chmod o+rx)"));
  REQUIRE(::chmod(program.c_str(), 0755) == 0);
  CHECK(run_supervisor({"reload", "-c", supervisor.config_file()}).status == 0);
}

TEST_CASE(
    "FAULTS 185: a log file that the later user cannot create is told before it exists, and when it is "
    "gone") {
  if (!is_root()) return;
  const TestDirectory logs;
  REQUIRE(::chmod(logs.path().c_str(), 0755) == 0);
  const std::string log = logs.at("supervisor.log");
  const std::string config = PoolText{.command = {"/bin/sleep", "60"},
                                      .more = std::string(kUser) + R"(, "log": {"file": ")" + log + "\"}"}
                                 .text();
  const std::string closed = logs.path() +
                             ": Permission denied; create the file for the user (touch and chown), "
                             "or let it write there; until then lines go on to the file";
  const TestDirectory elsewhere;
  CHECK(contains(run_supervisor({"check", "-c", elsewhere.write("pool.json", config)}).errors, closed));
  SupervisorUnderTest supervisor(config, {.await_start = false});
  eventually("it has started", [&] { return text_in(log).find("listening on") != std::string::npos; });
  let_all_read(supervisor);
  CHECK(contains(text_in(log), closed));
  REQUIRE(::unlink(log.c_str()) == 0);
  const CommandResult reload = run_supervisor({"reload", "-c", supervisor.config_file()});
  CHECK(reload.status == 0);
  CHECK(contains(reload.errors, closed));
  std::string other = config;
  other.replace(other.find("supervisor.log"), 14, "other.log");
  supervisor.rewrite_config(other);
  let_all_read(supervisor);
  const CommandResult refused = run_supervisor({"reload", "-c", supervisor.config_file()});
  CHECK(refused.status == 1);
  CHECK(contains(refused.errors, ": Permission denied; let this user write there, or choose another place"));
}

TEST_CASE("FAULTS 185: a log file that cannot be opened again is told by check, the start and each reload") {
  if (!is_root()) return;
  const TestDirectory logs;
  REQUIRE(::chmod(logs.path().c_str(), 0755) == 0);
  const std::string log = logs.at("supervisor.log");
  const std::string fault = ": /log/file: \"" + log + "\" cannot be opened again by user ";
  const std::string then = "; until then lines go on to the file that is open, also after it was renamed";
  std::string closed;
  SUBCASE("its directory is closed to the later user") {
    closed = logs.path() + ": Permission denied; let the user enter it (chmod o+x), or choose another place";
    REQUIRE(::chmod(logs.path().c_str(), 0700) == 0);
  }
  SUBCASE("the file is closed to the later user") {
    closed = log + ": Permission denied; let the user write to it (chown)";
    (void)logs.write("supervisor.log", "", 0640);
  }
  SupervisorUnderTest supervisor(PoolText{.command = {"/bin/sleep", "60"},
                                          .more = std::string(kUser) + R"(, "log": {"file": ")" + log + "\"}"}
                                     .text(),
                                 {.await_start = false});
  eventually("it has started", [&] { return text_in(log).find("listening on") != std::string::npos; });
  let_all_read(supervisor);
  const std::string by = std::to_string(user_of(supervisor));
  CHECK(contains(text_in(log), " warning "));
  const std::string before =
      fault + by + ", which the supervisor becomes when it gives up root (see supervisor_user): " + closed +
      then;
  CHECK(contains(text_in(log), before));
  const CommandResult check = run_supervisor({"check", "-c", supervisor.config_file()});
  CHECK(check.status == 0);
  CHECK(contains(check.errors, "supervisor: warning: " + supervisor.config_file() + before));
  const CommandResult reload = run_supervisor({"reload", "-c", supervisor.config_file()});
  CHECK(reload.status == 0);
  CHECK(reload.errors ==
        "supervisor: warning: " + supervisor.config_file() + fault + by + ": " + closed + then + "\n");
  REQUIRE(::chmod(logs.path().c_str(), 0755) == 0);
  REQUIRE(::chown(log.c_str(), user_of(supervisor), 0) == 0);
  CHECK(run_supervisor({"reload", "-c", supervisor.config_file()}).errors.empty());
}
