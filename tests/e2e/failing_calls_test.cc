// System calls that fail once or for a while.
#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/failing_calls.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

constexpr const char* kRefused = "the kernel refuses to watch a descriptor";

/// Two workers, which are started without the library.
std::string pool_text(const std::string& more = {}) {
  return PoolText{.workers = 2,
                  .more = R"("environment": {"LD_PRELOAD": ""})" + (more.empty() ? more : ", " + more)}
      .text();
}

SupervisorUnderTest::Options with(const FailingCalls& calls) { return {.environment = calls.environment()}; }

void check_that_no_worker_is_taken_for_dead(std::uint32_t succeed_first) {
  CAPTURE(succeed_first);
  FailingCalls calls;
  calls.fail("epoll_ctl", ENOSPC, {.skip = succeed_first, .times = 1});
  SupervisorUnderTest supervisor(pool_text(), with(calls));
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
  for (std::uint32_t first = 0; first < 25; ++first) check_that_no_worker_is_taken_for_dead(first);
}

TEST_CASE("FAULTS 110: while epoll_ctl fails the log says so, and afterwards all is served") {
  FailingCalls calls;
  calls.fail("epoll_ctl", ENOSPC, {.skip = 7, .times = 30});
  SupervisorUnderTest supervisor(pool_text(), with(calls));
  supervisor.wait_for_log(kRefused);
  supervisor.wait_for_idle(2);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.count_in_log(" died") == 0);
  CHECK(supervisor.count_in_log(kRefused) == 1);
  CHECK(supervisor.stop() == 0);
}
