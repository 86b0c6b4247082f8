// Workers that do not get as far as serving.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/sanitized.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::StopReason;
using Clock = std::chrono::steady_clock;

namespace {

const std::string kEcho = "#!/bin/sh\nexec supervisor-worker echo\n";

/// Processor time of the supervisor and its spawners, in seconds.
double cpu_seconds(pid_t supervisor) {
  const auto of = [](pid_t pid) {
    std::uint64_t nanoseconds = 0;
    std::ifstream("/proc/" + std::to_string(pid) + "/schedstat") >> nanoseconds;
    return static_cast<double>(nanoseconds) / 1e9;
  };
  double sum = of(supervisor);
  for (const ProcessStat& child : children_of(supervisor)) {
    if (child.name == "spawner") sum += of(child.pid);
  }
  return sum;
}

/// Waits until the pool's worker was found out to be unable to start, for this reason.
void await_failure(SupervisorUnderTest& supervisor, const std::string& why) {
  wait_for_failed_start(supervisor, why);
  supervisor.wait_for_event("pool_failed");
}

/// Lifts the limit of the supervisor's spawners, as its user: root may be without the right to.
void allow_processes(pid_t supervisor, uid_t user) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bool done = ::setgid(user) == 0 && ::setuid(user) == 0;
    const rlimit more{.rlim_cur = 64, .rlim_max = 64};
    for (const ProcessStat& process : children_of(supervisor)) {
      if (process.name == "spawner") done = done && ::prlimit(process.pid, RLIMIT_NPROC, &more, nullptr) == 0;
    }
    ::_exit(done ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

}  // namespace

TEST_CASE(
    "FAULTS 12: a worker that never says Ready is killed in time, counts as a failed start, and is "
    "replaced") {
  SupervisorUnderTest supervisor({.command = scripted({"only-first:silent", "mark:silent", "hang"}),
                                  .more = R"("health": {"start_timeout": "500ms"})"});
  Client client(supervisor.address());
  client.send("hello");
  const pid_t silent = supervisor.gates().wait_for_marks("silent").at(0);
  CHECK(client.receive() == "hello");
  CHECK(!is_alive(silent));
  CHECK(because(death_of(supervisor, silent), StopReason::kStartTimeout));
  CHECK(supervisor.pool()["start_failures"] == 1);
}

TEST_CASE(
    "FAULTS 146: a program that does not speak the protocol is told from one that is slow to be ready") {
  const std::string soon = R"("health": {"start_timeout": "100ms"})";
  const auto hint = [](const EventText& died) {
    return died.text("text").find("it sent nothing over its channel") != std::string::npos;
  };
  SUBCASE("it hangs") {
    SupervisorUnderTest supervisor({.command = scripted({"hang"}), .more = soon});
    CHECK(hint(supervisor.wait_for_event("worker_died")));
    supervisor.wait_for_log(
        "it sent nothing over its channel: it needs more time to load than start_timeout, or it does not ");
  }
  SUBCASE("it exits") {
    SupervisorUnderTest supervisor({.command = {"/bin/true"}});
    CHECK(hint(supervisor.wait_for_event("worker_died")));
  }
  SUBCASE("it speaks, but says no Ready") {
    SupervisorUnderTest supervisor({.command = scripted({"note:loading", "hang"}), .more = soon});
    const EventText died = supervisor.wait_for_event("worker_died");
    CHECK(because(died, StopReason::kStartTimeout));
    CHECK_FALSE(hint(died));
  }
  SUBCASE("it speaks, but says no Ready, and the supervisor is upgraded meanwhile") {
    SupervisorUnderTest supervisor(
        {.command = scripted({"note:loading", "mark:said", "gate:go", "die:exit=3"})});
    (void)supervisor.gates().wait_for_marks("said");
    supervisor.upgrade();
    supervisor.gates().open("go");
    const EventText died = supervisor.wait_for_event("worker_died");
    CHECK(by_exit(died, 3));
    CHECK_FALSE(hint(died));
  }
}

TEST_CASE(
    "FAULTS 13: a command that exits at once is started ever more seldom, and serves soon after it is "
    "mended") {
  const TestDirectory files;
  const std::string program = files.write("program", "#!/bin/sh\nexit 3\n", 0755);
  // The first pause is a fifth of the default, so what takes five seconds by default takes one.
  SupervisorUnderTest supervisor(
      {.command = {program}, .workers = 8, .more = R"("restart": {"backoff_min": "20ms"})"});
  const auto start = Clock::now();
  const double cpu_at_start = cpu_seconds(supervisor.pid());
  Client client(supervisor.address());
  client.send("patience");
  const EventText died = supervisor.wait_for_event("worker_died");
  CHECK(by_exit(died, 3));
  CHECK_FALSE(died.flag("was_ready"));
  eventually("a second has passed", [&] { return Clock::now() - start >= std::chrono::seconds(1); });
  const double cpu = cpu_seconds(supervisor.pid()) - cpu_at_start;
  const double passed = std::chrono::duration<double>(Clock::now() - start).count();
  const PoolTable looping = supervisor.pool();
  CHECK(looping["starts"] <= 10);
  CHECK(cpu < (kSanitized ? 0.1 : 0.02) * passed);
  CHECK(supervisor.wait_for_event("pool_failed", where("failures", 2)).number("next_attempt_ms") > 0);
  CHECK(client.silent());

  (void)files.write("program", kEcho, 0755);
  CHECK(client.receive() == "patience");
  // The next attempt was the first that could succeed, and it did.
  CHECK(supervisor.pool()["start_failures"] <= looping["start_failures"] + 1);
  supervisor.wait_for_event("pool_recovered");
  supervisor.wait_for_idle(8);
}

TEST_CASE("FAULTS 13: a pool whose command exits at once does not disturb another pool") {
  const TestDirectory files;
  const std::string program = files.write("program", "#!/bin/sh\nexit 0\n", 0755);
  SupervisorUnderTest supervisor(pools_text({{"bad", {.command = {program}}}, {"good", {}}}),
                                 {.listeners = 2});
  CHECK(supervisor.wait_for_event("pool_failed").text("pool") == "bad");
  CHECK(by_exit(death_of(supervisor, "bad", 1), 0));
  for (int i = 0; i < 5; ++i) CHECK(ask(supervisor.address(1), "hello") == "hello");
  CHECK(supervisor.status().pool("good")["start_failures"] == 0);
}

TEST_CASE("FAULTS 14: a worker that dies after each request is replaced at once, but not without limit") {
  SupervisorUnderTest supervisor({.command = scripted({"ready", "recv", "busy", "read:5", "write:bye",
                                                       "shutdown", "close", "idle", "die:exit=1"})});
  const auto start = Clock::now();
  for (int i = 0; i < 8; ++i) CHECK(ask(supervisor.address(), "hello") == "bye");
  // Four deaths a worker at once and four a second after that: the eighth worker comes after the seventh
  // death.
  CHECK(Clock::now() - start >= std::chrono::milliseconds(700));
  const PoolTable pool =
      supervisor.wait_for_pool("all are dead", [](const PoolTable& now) { return now["crashes"] == 8; });
  CHECK(pool["served"] == 8);
  CHECK(pool["lost"] == 0);
  CHECK(pool["start_failures"] == 0);
}

TEST_CASE("FAULTS 28: a command that cannot be executed is refused at the start, with the reason") {
  const TestDirectory files;
  const std::vector<std::string> commands = {files.at("missing"), files.write("plain", kEcho, 0644),
                                             files.at("gates"), "no-such-program-anywhere"};
  for (const std::string& command : commands) {
    CAPTURE(command);
    SupervisorUnderTest supervisor(PoolText{.command = {command}}.text(), {.await_start = false});
    CHECK(supervisor.await_exit() == 2);
    const std::string line = supervisor.wait_for_log("/command/0: ");
    CHECK(line.find(command) != std::string::npos);
  }
}

TEST_CASE(
    "FAULTS 28: a command that breaks while the pool runs is logged with step and reason, and mended by "
    "itself") {
  const TestDirectory files;
  const std::string program = files.write("program", kEcho, 0755);
  const auto replace_by_directory = [&] {
    std::filesystem::remove(program);
    std::filesystem::create_directory(program);
  };
  struct Breakage {
    std::string reason;
    std::function<void()> happen;
  };
  const std::vector<Breakage> breakages = {
      {"No such file or directory", [&] { std::filesystem::remove(program); }},
      {"Permission denied", [&] { (void)files.write("program", kEcho, 0644); }},
      {"Permission denied", replace_by_directory},
      {"No such file or directory", [&] { (void)files.write("program", "#!/no/such/interpreter\n", 0755); }},
      {"Exec format error", [&] { (void)files.write("program", "exec supervisor-worker echo\n", 0755); }},
  };
  SupervisorUnderTest supervisor({.command = {program}, .more = R"("restart": {"backoff_min": "10ms"})"});
  for (const Breakage& breakage : breakages) {
    CAPTURE(breakage.reason);
    const pid_t worker = supervisor.wait_for_idle(1).workers.at(0).pid;
    breakage.happen();
    REQUIRE(::kill(worker, SIGKILL) == 0);
    wait_for_failed_start(supervisor, "exec " + program + ": " + breakage.reason);
    if (std::filesystem::is_directory(program)) std::filesystem::remove(program);
    (void)files.write("program", kEcho, 0755);
    CHECK(ask(supervisor.address(), "hello") == "hello");
  }
}

TEST_CASE("FAULTS 28: a program that is being written when a worker is to start is tried again") {
  const TestDirectory files;
  const std::string program = files.write("program", kEcho, 0755);
  SupervisorUnderTest supervisor({.command = {program}, .more = R"("restart": {"backoff_min": "10ms"})"});
  const pid_t worker = supervisor.wait_for_idle(1).workers.at(0).pid;
  {
    const prefork::Fd writer(::open(program.c_str(), O_WRONLY | O_CLOEXEC));
    REQUIRE(writer.valid());
    REQUIRE(::kill(worker, SIGKILL) == 0);
    await_failure(supervisor, "exec " + program + ": Text file busy");
  }
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE(
    "FAULTS 29, 34: where no more processes are allowed the pool serves with those it has, and grows when it "
    "may") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: only root can run the supervisor as a user who has no other processes");
    return;
  }
  // Of tests that run at the same time each has its own.
  const uid_t nobody_else = 20'000 + static_cast<uid_t>(::getpid()) % 40'000;
  const TestDirectory files;
  REQUIRE(::chmod(files.path().c_str(), 0755) == 0);
  for (const std::string& own : {files.path(), files.at("gates")})
    REQUIRE(::chown(own.c_str(), nobody_else, nobody_else) == 0);
  const std::string control = files.at("control.sock");
  const std::string config = files.write(
      "limited.json", PoolText{.workers = 3,
                               .control = false,
                               .more = R"("restart": {"backoff_min": "10ms"}, "control": ")" + control + '"'}
                          .text());
  // The supervisor with a thread for the log and one for client sockets, its two spawners, and two workers.
  const auto limit = [nobody_else] {
    const rlimit processes{.rlim_cur = 7, .rlim_max = 64};
    if (::setrlimit(RLIMIT_NPROC, &processes) < 0 || ::setgid(nobody_else) < 0 || ::setuid(nobody_else) < 0)
      ::_exit(125);
  };
  SupervisorUnderTest supervisor("", {.config_file = config, .in_child = limit, .control = control});
  wait_for_failed_start(supervisor, "create a process: Resource temporarily unavailable");
  for (int i = 0; i < 5; ++i) CHECK(ask(supervisor.address(), "hello") == "hello");
  supervisor.wait_for_pool("two are idle", [](const PoolTable& pool) { return pool.count("idle") == 2; });
  allow_processes(supervisor.pid(), nobody_else);
  supervisor.wait_for_idle(3);
}

TEST_CASE(
    "FAULTS 35: a start that fails between clone and exec says at which step, and leaves nothing behind") {
  const TestDirectory files;
  const std::string home = files.at("home");
  std::filesystem::create_directory(home);
  SupervisorUnderTest supervisor(
      {.more = R"("restart": {"backoff_min": "10ms"}, "directory": ")" + home + '"'});
  const pid_t worker = supervisor.wait_for_idle(1).workers.at(0).pid;
  std::filesystem::remove(home);
  REQUIRE(::kill(worker, SIGKILL) == 0);
  await_failure(supervisor, "change to directory " + home + ": No such file or directory");
  std::filesystem::create_directory(home);
  CHECK(ask(supervisor.address(), "hello") == "hello");
}
