#include "supervisor/core/restart_policy.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kBegin = Instant{} + std::chrono::hours(1);

PoolSettings four_workers() {
  PoolSettings settings;
  settings.workers = 4;
  return settings;
}

TEST_CASE("four may be starting at a time until one has been ready, then any number") {
  RestartPolicy policy(four_workers(), 1, kBegin);
  CHECK(policy.may_start(0, kBegin));
  CHECK(policy.may_start(3, kBegin));
  CHECK_FALSE(policy.may_start(4, kBegin));
  policy.on_ready(kBegin);
  CHECK(policy.may_start(1000, kBegin));
}

TEST_CASE("the delay after failures doubles from 0.1 s to 30 s, with up to a quarter more at random") {
  RestartPolicy policy(four_workers(), 1, kBegin);
  Instant now = kBegin;
  Duration expected = milliseconds(100);
  for (int i = 0; i < 14; ++i) {
    const Instant started = now;
    now += milliseconds(5);
    const Duration delay = policy.on_failure(started, now);
    CAPTURE(i);
    CHECK(delay >= expected);
    CHECK(delay <= expected + expected / 4);
    CHECK_FALSE(policy.may_start(0, now + delay - milliseconds(1)));
    now += delay;
    CHECK(policy.may_start(0, now));
    CHECK_FALSE(policy.may_start(1, now));  // one attempt at a time
    expected = std::min<Duration>(expected * 2, seconds(30));
  }
}

TEST_CASE("failures of attempts that overlapped count as one") {
  RestartPolicy policy(four_workers(), 1, kBegin);
  for (int i = 1; i <= 4; ++i) policy.on_failure(kBegin, kBegin + milliseconds(i));
  CHECK(policy.failures() == 1);
}

TEST_CASE("failures of attempts that could not even be made count as one") {
  RestartPolicy policy(four_workers(), 1, kBegin);
  for (int i = 0; i < 4; ++i) policy.on_failure(kBegin, kBegin);
  CHECK(policy.failures() == 1);
}

TEST_CASE("a worker that is ready after failures holds back the others until it is proven") {
  RestartPolicy policy(four_workers(), 1, kBegin);
  const Instant later = kBegin + policy.on_failure(kBegin, kBegin + milliseconds(1)) + milliseconds(1);
  policy.on_ready(later);
  CHECK(policy.proof_due() == later + RestartPolicy::kProofAfter);
  CHECK_FALSE(policy.may_start(0, later));
  CHECK(policy.on_proven());
  CHECK(policy.failures() == 0);
  CHECK(policy.may_start(3, later));
  CHECK_FALSE(policy.on_proven());  // told once
}

TEST_CASE("crashes while serving are mended at once, but not without end") {
  RestartPolicy policy(four_workers(), 1, kBegin);
  policy.on_ready(kBegin);
  int at_once = 0;
  while (policy.may_start(0, kBegin)) {
    policy.on_crash(kBegin);
    ++at_once;
    REQUIRE(at_once < 100);
  }
  CHECK(at_once > 4);
  CHECK(at_once <= 20);
  const auto next = policy.next_start(kBegin);
  REQUIRE(next);
  CHECK(*next <= kBegin + seconds(1));
  CHECK(policy.failures() == 0);
}

TEST_CASE("crashes in any number delay the next start by a second at most") {
  RestartPolicy policy(four_workers(), 1, kBegin);
  for (int i = 0; i < 10'000; ++i) policy.on_crash(kBegin);
  CHECK(policy.may_start(0, kBegin + seconds(1)));
}

TEST_CASE("new settings forget all failures") {
  RestartPolicy policy(four_workers(), 1, kBegin);
  for (int i = 0; i < 9; ++i) policy.on_failure(kBegin + seconds(i), kBegin + seconds(i + 1));
  policy.configure(four_workers(), kBegin + seconds(10));
  CHECK(policy.failures() == 0);
  CHECK(policy.may_start(0, kBegin + seconds(10)));
  CHECK_FALSE(policy.next_start(kBegin + seconds(10)));
}

}  // namespace
}  // namespace prefork
