// Processor time and memory of processes, as the commands read them.
#include "supervisor/commands/process_usage.h"

#include <doctest/doctest.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace prefork {
namespace {

/// What `act` returns in a child.
int in_child(const std::function<int()>& act) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(act());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("a process has used processor time, which grows, and has memory") {
  const ProcessUsage usage(::getpid());
  const auto before = usage.of(::getpid());
  REQUIRE(before);
  CHECK(before->rss > 100'000);
  CHECK(before->rss < std::uint64_t{1} << 40);
  const std::clock_t until = std::clock() + CLOCKS_PER_SEC / 20;
  while (std::clock() < until) {
  }
  const auto after = usage.of(::getpid());
  REQUIRE(after);
  CHECK(after->cpu - before->cpu >= std::chrono::milliseconds(30));
  CHECK(after->cpu - before->cpu <= std::chrono::milliseconds(500));
}

TEST_CASE("a process that has ended has no values, nor has one without a pid") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  const ProcessUsage usage(::getpid());
  CHECK_FALSE(usage.of(child));
  CHECK_FALSE(usage.of(0));
  CHECK_FALSE(usage.of(-1));
}

TEST_CASE(
    "FAULTS 147: the pids of a supervisor in another pid namespace are not taken for pids of this one") {
  CHECK_FALSE(ProcessUsage(0).of(::getpid()));
  if (::geteuid() != 0) return;
  // In a child, because processes that are forked after unshare(2) are all in the other namespace.
  const int status = in_child([] {
    if (::unshare(CLONE_NEWPID) < 0) return 0;
    const pid_t supervisor = ::fork();
    if (supervisor == 0) {
      for (;;) ::pause();
    }
    const bool known = ProcessUsage(supervisor).of(::getpid()).has_value();
    (void)::kill(supervisor, SIGKILL);
    (void)::waitpid(supervisor, nullptr, 0);
    return known ? 1 : 0;
  });
  CHECK(status == 0);
}

TEST_CASE("FAULTS 147: where /proc hides other users' processes their values are unknown") {
  if (::geteuid() != 0) return;
  const pid_t other = ::getpid();
  const int status = in_child([other] {
    if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
        ::mount("proc", "/proc", "proc", 0, "hidepid=2") < 0 || ::setgroups(0, nullptr) < 0 ||
        ::setgid(4711) < 0 || ::setuid(4711) < 0) {
      return 0;
    }
    return ProcessUsage(other).of(other).has_value() ? 1 : 0;
  });
  CHECK(status == 0);
}

TEST_CASE("the values are added to the workers of an answer and to the lines of a table") {
  nlohmann::ordered_json status = {{"pools", {{{"workers", {{{"pid", ::getpid()}}, {{"pid", 0}}}}}}}};
  ProcessUsage(::getpid()).add_to(status);
  const auto& workers = status["pools"][0]["workers"];
  CHECK(workers[0]["rss_bytes"].get<std::uint64_t>() > 100'000);
  CHECK(workers[0]["cpu_ms"].is_number());
  CHECK(workers[1]["cpu_ms"].is_null());
  CHECK(workers[1]["rss_bytes"].is_null());
  const auto lines = ProcessUsage(0).added_to({"pool web: running", "       3     4711 busy            1/2"});
  CHECK(lines == std::vector<std::string>{"pool web: running",
                                          "       3     4711 busy            1/2        -        -"});
}

}  // namespace
}  // namespace prefork
