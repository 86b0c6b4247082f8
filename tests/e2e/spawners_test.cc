// The processes that start workers die; workers are started all the same.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

constexpr const char* kThem = R"("user": "4711", "group": "4712")";

/// The two of them, sorted, when there are two.
std::vector<pid_t> spawners_of(const SupervisorUnderTest& supervisor) {
  std::vector<pid_t> pids;
  eventually("there are two spawners", [&] {
    pids.clear();
    for (const ProcessStat& child : children_of(supervisor.pid())) {
      if (child.name == "spawner" && child.state != 'Z') pids.push_back(child.pid);
    }
    return pids.size() == 2;
  });
  std::sort(pids.begin(), pids.end());
  return pids;
}

/// Kills a worker, and returns the one that has taken its place.
pid_t replace_worker(SupervisorUnderTest& supervisor) {
  const std::vector<pid_t> before = supervisor.wait_for_idle(1).pids();
  REQUIRE(::kill(before.at(0), SIGKILL) == 0);
  return supervisor
      .wait_for_pool("another worker is there",
                     [&](const PoolTable& pool) { return pool.count("idle") == 1 && pool.pids() != before; })
      .pids()
      .at(0);
}

/// Kills both at the same moment, for the supervisor.
void kill_both(const SupervisorUnderTest& supervisor) {
  const std::vector<pid_t> both = spawners_of(supervisor);
  supervisor.signal(SIGSTOP);
  for (const pid_t pid : both) REQUIRE(::kill(pid, SIGKILL) == 0);
  supervisor.signal(SIGCONT);
}

}  // namespace

TEST_CASE(
    "FAULTS 70: when the spawner dies its standby starts workers, and gets a standby, again and again") {
  std::string more;
  std::string user;
  SUBCASE("under a supervisor that has given up root") {
    if (::geteuid() != 0) return;
    more = kThem;
    user = "4711\t4711\t4711\t4711";
  }
  SUBCASE("under one that stays what it is") {}
  SupervisorUnderTest supervisor(PoolText{.more = more});
  if (user.empty()) user = status_field_of(supervisor.pid(), "Uid");
  CHECK(status_field_of(replace_worker(supervisor), "Uid") == user);
  pid_t active = spawners_of(supervisor).at(0);
  for (int i = 0; i < 3; ++i) {
    const std::vector<pid_t> both = spawners_of(supervisor);
    const pid_t standby = both[0] == active ? both[1] : both[0];
    REQUIRE(::kill(active, SIGKILL) == 0);
    eventually("the standby takes over, and has a standby", [&] {
      const std::vector<pid_t> now = supervisor.status().spawners;
      return now.size() == 2 && now[0] == standby && now[1] != active;
    });
    active = standby;
    const pid_t worker = replace_worker(supervisor);
    CHECK(status_field_of(worker, "Uid") == user);
    CHECK(status_field_of(worker, "Seccomp") == "0");
  }
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.pool()["starts"] == 5);  // none of them in vain
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("FAULTS 70: a standby that dies is replaced, and only the log tells") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  const std::vector<pid_t> both = spawners_of(supervisor);
  REQUIRE(::kill(both[1], SIGKILL) == 0);
  supervisor.wait_for_log("the standby spawner, pid " + std::to_string(both[1]) +
                          ", died; another is started");
  const std::vector<pid_t> after = spawners_of(supervisor);
  CHECK(after[0] == both[0]);
  REQUIRE(::kill(after[0], SIGKILL) == 0);
  supervisor.wait_for_log("the standby, pid " + std::to_string(after[1]) + ", takes over");
  CHECK(replace_worker(supervisor) > 0);
}

TEST_CASE("FAULTS 70: standby and spawner are carried over by an upgrade in place") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  const std::vector<pid_t> both = spawners_of(supervisor);
  for (int i = 0; i < 2; ++i) supervisor.upgrade();
  CHECK(spawners_of(supervisor) == both);
  for (const pid_t pid : both) {
    REQUIRE(::kill(pid, SIGKILL) == 0);
    eventually("another takes over", [&] {
      const std::vector<pid_t> now = supervisor.status().spawners;
      return !now.empty() && now[0] != pid;
    });
    CHECK(status_field_of(replace_worker(supervisor), "Seccomp") == "0");
    (void)spawners_of(supervisor);
  }
}

TEST_CASE("FAULTS 70: when both die at once, others are started, and the log says what they cannot do") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  kill_both(supervisor);
  supervisor.wait_for_log("died, and there is no standby; starting another");
  supervisor.wait_for_log(
      "cannot read from descriptors from 1024 on, nor use io_uring, until the supervisor is");
  const pid_t worker = replace_worker(supervisor);
  CHECK(status_field_of(worker, "Seccomp") == "2");
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(spawners_of(supervisor).size() == 2);
}

TEST_CASE("FAULTS 111: a supervisor whose spawner hangs ends at SIGTERM, whether its standby hangs or not") {
  SupervisorUnderTest supervisor(PoolText{});
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  const std::vector<pid_t> both = spawners_of(supervisor);
  bool standby_hangs = false;
  SUBCASE("only the spawner") {}
  SUBCASE("both") { standby_hangs = true; }
  REQUIRE(::kill(both[0], SIGSTOP) == 0);
  if (standby_hangs) REQUIRE(::kill(both[1], SIGSTOP) == 0);
  REQUIRE(::kill(worker, SIGKILL) == 0);
  supervisor.wait_for_pool("another worker has been asked for",
                           [](const PoolTable& pool) { return pool["starts"] == 2; });
  CHECK(supervisor.stop() >= 0);
  for (const pid_t pid : both) eventually("the spawner has ended", [pid] { return !is_alive(pid); });
}

TEST_CASE("FAULTS 70: when both die at once under a supervisor without root, workers serve on") {
  if (::geteuid() != 0) return;
  SupervisorUnderTest supervisor(PoolText{.more = kThem});
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  kill_both(supervisor);
  supervisor.wait_for_log("workers of other users can be started only after the supervisor is restarted");
  CHECK(ask(supervisor.address(), "hello") == "hello");
  REQUIRE(::kill(worker, SIGKILL) == 0);
  wait_for_failed_start(supervisor, "take on the groups of user 4711: Operation not permitted");
  CHECK(supervisor.stop() == 0);
}
