// System calls that fail once or for a while.
#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

constexpr const char* kRefused = "the kernel refuses to watch a descriptor";

SupervisorUnderTest::Options failing(int first, int count) {
  return {.environment = {std::string("LD_PRELOAD=") + FAIL_EPOLL_CTL_LIBRARY,
                          "FAIL_EPOLL_CTL=" + std::to_string(first) + ' ' + std::to_string(count)}};
}

void check_that_no_worker_is_taken_for_dead(int first, int count) {
  CAPTURE(first);
  SupervisorUnderTest supervisor(PoolText{.workers = 2}.text(), failing(first, count));
  const std::vector<pid_t> pids = supervisor.wait_for_idle(2).pids();
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.count_in_log(" died") == 0);
  REQUIRE(::kill(pids.at(0), SIGKILL) == 0);
  supervisor.wait_for_pool("the killed worker is replaced", [&pids](const PoolTable& pool) {
    return pool.count("idle") == 2 && pool.pids() != pids;
  });
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.count_in_log(" died") == 1);
  CHECK(supervisor.stop() == 0);
}

}  // namespace

TEST_CASE("FAULTS 110: whichever call of epoll_ctl fails, no worker is taken for dead") {
  for (int first = 1; first <= 25; ++first) check_that_no_worker_is_taken_for_dead(first, 1);
}

TEST_CASE("FAULTS 110: while epoll_ctl fails the log says so, and afterwards all is served") {
  SupervisorUnderTest supervisor(PoolText{.workers = 2}.text(), failing(8, 30));
  supervisor.wait_for_log(kRefused);
  supervisor.wait_for_idle(2);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.count_in_log(" died") == 0);
  CHECK(supervisor.count_in_log(kRefused) == 1);
  CHECK(supervisor.stop() == 0);
}
