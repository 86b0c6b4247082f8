// What workers write, and why they died, as the log tells it.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/sanitized.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// A worker that does this before it serves.
std::vector<std::string> after(const std::string& shell) {
  return {"sh", "-c", shell + "; exec supervisor-worker echo"};
}

bool write_to(const std::string& file, const std::string& text) {
  std::ofstream out(file);
  return static_cast<bool>(out << text << std::flush);
}

/// A cgroup with little memory, where the kernel has version 1's memory controller and lets us.
class SmallCgroup {
 public:
  SmallCgroup() {
    std::ifstream cgroups("/proc/self/cgroup");
    for (std::string line; std::getline(cgroups, line);) {
      const std::size_t at = line.find(":memory:");
      if (at == std::string::npos) continue;
      path_ = "/sys/fs/cgroup/memory" + line.substr(at + 8) + "/test-" + std::to_string(::getpid());
    }
    std::error_code error;
    usable_ = !path_.empty() && std::filesystem::create_directory(path_, error) &&
              write_to(path_ + "/memory.limit_in_bytes", "512M");  // a sanitized supervisor has 100 MB itself
  }
  SmallCgroup(const SmallCgroup&) = delete;
  SmallCgroup& operator=(const SmallCgroup&) = delete;
  ~SmallCgroup() {
    // Busy until the last process in it is reaped.
    if (usable_) (void)holds_within(kPatience, [this] { return ::rmdir(path_.c_str()) == 0; });
  }

  [[nodiscard]] bool usable() const { return usable_; }
  void enter() const { (void)write_to(path_ + "/cgroup.procs", std::to_string(::getpid())); }

 private:
  std::string path_;
  bool usable_ = false;
};

}  // namespace

TEST_CASE(
    "what a worker writes stands in the log, line by line, after the pool's name and the worker's pid") {
  SupervisorUnderTest supervisor(PoolText{
      .command = after(R"(echo out; echo err >&2; printf '\\033[31mred\\n')"), .more = R"("name": "web")"});
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  const std::string name = "info    web[" + std::to_string(worker) + "]: ";
  supervisor.wait_for_log(name + "out\n");
  supervisor.wait_for_log(name + "err\n");
  supervisor.wait_for_log(name + "\\x1b[31mred\n");
}

TEST_CASE("what a worker writes stands in the log at whatever level that is") {
  SupervisorUnderTest supervisor(
      PoolText{.command = after("echo out"), .more = R"("log": {"level": "error"})"}.text(),
      {.await_start = false});
  supervisor.wait_for_log("]: out\n");
}

TEST_CASE("with output: inherit, workers write where the supervisor does") {
  SupervisorUnderTest supervisor(
      PoolText{.command = after("echo bare >&2"), .more = R"("output": "inherit", "name": "web")"});
  supervisor.wait_for_log("bare");
  CHECK(supervisor.count_in_log("]: bare") == 0);
}

TEST_CASE("FAULTS 58: a worker that writes without end is slowed down, and no other is") {
  SupervisorUnderTest supervisor(PoolText{.command = after("(yes & yes >&2 &)"), .workers = 2});
  supervisor.wait_for_idle(2);
  supervisor.wait_for_log(" lines dropped: more than 100 a second]");
  const double cpu_before = process_stat(supervisor.pid()).cpu_seconds;
  const auto before = std::chrono::steady_clock::now();
  // Sanitizers make the reading of the flood so slow that an answer takes a tenth of a second.
  for (int i = 0; i < (kSanitized ? 20 : 200); ++i) REQUIRE(ask(supervisor.address(), "hello") == "hello");
  const std::size_t said = supervisor.count_in_log(" lines dropped: more than 100 a second]");
  supervisor.wait_for_log(" lines dropped: more than 100 a second]",
                          said + 6);  // each says it about once a second
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  const double cpu = process_stat(supervisor.pid()).cpu_seconds - cpu_before;
  std::size_t memory = 0;
  std::ifstream("/proc/" + std::to_string(supervisor.pid()) + "/statm") >> memory >> memory;
  if (!kSanitized) {  // its bookkeeping takes many times as much of both
    CHECK(cpu < wall * 0.5);
    CHECK(memory * 4096 < 32U * 1024 * 1024);
  }
  // Bursts, and 100 lines a second of each worker.
  CHECK(static_cast<double>(supervisor.count_in_log("]: y\n")) < 2 * (1000 + 100 * (wall + 30)));
}

TEST_CASE("the last lines of a worker that died stand before the reason, once") {
  SupervisorUnderTest supervisor(
      PoolText{.command = {"sh", "-c",
                           "mkdir TEST_DIRECTORY/once || exec sleep 60; echo why; printf 'no end'; exit 7"}});
  const std::string died = supervisor.wait_for_log("died: exited with status 7");
  CHECK(supervisor.count_in_log("]: why\n") == 1);
  CHECK(supervisor.count_in_log("]: no end\n") == 1);
  CHECK(supervisor.count_in_log(" last wrote: ") == 0);
  CHECK(supervisor.log().find("]: no end\n") < supervisor.log().find("died: exited with status 7"));
  CHECK(supervisor.wait_for_event("worker_died").list("output") == std::vector<std::string>{"why", "no end"});
}

TEST_CASE("of the last lines of a worker that died, those that were dropped stand after the reason") {
  SupervisorUnderTest supervisor(PoolText{.command = {"sh", "-c", "seq 3000; printf 'no end'; exit 7"}});
  supervisor.wait_for_log("died: exited with status 7");
  supervisor.wait_for_log(" last wrote: no end");
  supervisor.wait_for_log(" last wrote: 3000");
  supervisor.wait_for_log(" last wrote: 2982\n");
  CHECK(supervisor.log().find(" last wrote: 2981\n") == std::string::npos);
}

TEST_CASE("why a worker died: a fault of its own, a limit, or a signal from elsewhere") {
  const auto check_death_by = [](int number, const std::string& shell, const std::string& more) {
    SupervisorUnderTest supervisor(PoolText{.command = {"sh", "-c", shell}, .more = more});
    const EventText died = supervisor.wait_for_event("worker_died");
    CHECK(by_signal(died, number));
    CHECK(because(died, prefork::StopReason::kNone));
    CHECK_FALSE(died.flag("killed_by_us"));
  };
  check_death_by(SIGSEGV, "kill -SEGV $$", R"("name": "a")");
  check_death_by(SIGKILL, "kill -KILL $$", R"("name": "a")");
  check_death_by(SIGXFSZ, "trap '' XFSZ; trap - XFSZ; echo 12345 >TEST_DIRECTORY/big; kill -XFSZ $$",
                 R"("limits": {"fsize": 1})");
}

TEST_CASE("FAULTS 63: a worker that the kernel kills for want of memory is told as that, and replaced") {
  const SmallCgroup cgroup;
  if (!cgroup.usable()) return;
  SupervisorUnderTest supervisor(
      PoolText{
          .command =
              {"sh", "-c",
               "if mkdir TEST_DIRECTORY/once 2>/dev/null; then exec python3 -c 'x = bytearray(800 << 20)'; "
               "fi; exec supervisor-worker echo"}}
          .text(),
      {.in_child = [&cgroup] { cgroup.enter(); }});
  supervisor.wait_for_event("worker_died", where("how", "out_of_memory"));
  CHECK(ask(supervisor.address(), "hello") == "hello");
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  REQUIRE(::kill(worker, SIGKILL) == 0);
  const EventText died = death_of(supervisor, worker);
  CHECK(by_signal(died, SIGKILL));
  CHECK_FALSE(died.flag("killed_by_us"));
}

TEST_CASE("what outlives its worker does not keep the worker's output from ending") {
  SupervisorUnderTest supervisor(
      PoolText{.command = {"sh", "-c", "setsid sleep 60 & echo last words; exit 3"}});
  supervisor.wait_for_log("]: last words");
  CHECK(by_exit(supervisor.wait_for_event("worker_died"), 3));
  supervisor.stop();
  supervisor.allow_leftovers();
}

TEST_CASE("workers that a template has forked write under its name, and go on when it is gone") {
  SupervisorUnderTest supervisor(
      PoolText{.command = {"sh", "-c", "echo loading; exec supervisor-worker echo"},
               .workers = 2,
               .more = R"("start": "fork")"});
  supervisor.wait_for_log("]: loading");
  const PoolTable pool =
      supervisor.wait_for_pool("they are ready", [](const PoolTable& now) { return now.count("idle") == 2; });
  const auto parent = std::find_if(pool.workers.begin(), pool.workers.end(),
                                   [](const WorkerText& worker) { return worker.state == "template"; });
  REQUIRE(parent != pool.workers.end());
  const std::string pipe = "/proc/" + std::to_string(parent->pid) + "/fd/1";
  const std::string target = std::filesystem::read_symlink(pipe).string();
  REQUIRE(::kill(parent->pid, SIGKILL) == 0);
  CHECK(by_signal(death_of(supervisor, parent->pid), SIGKILL));
  for (const WorkerText& worker : pool.workers) {
    if (worker.state != "idle") continue;
    const std::string theirs = "/proc/" + std::to_string(worker.pid) + "/fd/1";
    CHECK(std::filesystem::read_symlink(theirs).string() == target);
    // As the worker would.
    REQUIRE(write_to(theirs, "still here " + std::to_string(worker.pid) + "\n"));
    supervisor.wait_for_log("[" + std::to_string(parent->pid) + "]: still here " +
                            std::to_string(worker.pid));
  }
}
