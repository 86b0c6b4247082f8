// How the kernel schedules the supervisor itself.
#include <doctest/doctest.h>
#include <sched.h>

#include <string>

#include "tests/e2e/program.h"
#include "tests/support/eventually.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

std::string pools_with(const std::string& one, const std::string& other) {
  return pools_text({{"one", PoolText{.more = one}}, {"other", PoolText{.more = other}}});
}

constexpr const char* kOne = R"("connections_per_worker": 1)";
constexpr const char* kSeveral = R"("connections_per_worker": 2)";
constexpr const char* kNormal = R"("connections_per_worker": 2, "scheduling": "normal")";

}  // namespace

TEST_CASE("the supervisor is a batch process while all workers are, and have several slots") {
  const Program program;
  const auto supervisor = start(program, pools_with(kSeveral, kSeveral), 2);
  CHECK(::sched_getscheduler(supervisor->pid()) == SCHED_BATCH);
  supervisor->upgrade();
  CHECK(::sched_getscheduler(supervisor->pid()) == SCHED_BATCH);
  for (const char* other : {kOne, kNormal}) {
    supervisor->rewrite_config(pools_with(kSeveral, other));
    supervisor->signal(SIGHUP);
    eventually("it is scheduled as usual",
               [&] { return ::sched_getscheduler(supervisor->pid()) == SCHED_OTHER; });
    supervisor->rewrite_config(pools_with(kSeveral, kSeveral));
    supervisor->signal(SIGHUP);
    eventually("it is a batch process again",
               [&] { return ::sched_getscheduler(supervisor->pid()) == SCHED_BATCH; });
  }
}

TEST_CASE("a supervisor that was started as a batch process stays one") {
  const sched_param no_priority{};
  const auto as_batch = [&] { REQUIRE(::sched_setscheduler(0, SCHED_BATCH, &no_priority) == 0); };
  const SupervisorUnderTest supervisor(PoolText{.more = kOne}.text(), {.in_child = as_batch});
  CHECK(::sched_getscheduler(supervisor.pid()) == SCHED_BATCH);
}
