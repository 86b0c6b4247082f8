#include "supervisor/admin_process/admin_attempts.h"

#include <doctest/doctest.h>

#include <chrono>

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kBegin = Instant() + std::chrono::hours(1);

AdminStatus status_at(const AdminAttempts& attempts, Instant now) {
  AdminStatus status;
  attempts.add_to(status, now);
  return status;
}

TEST_CASE("FAULTS 434: processes that are of no use wait longer and longer, up to half a minute") {
  AdminAttempts attempts;
  CHECK(attempts.delay() == Duration::zero());
  CHECK_FALSE(attempts.ended("exited with status 3", kBegin));
  CHECK(attempts.delay() == milliseconds(500));
  attempts.running(kBegin);
  CHECK(attempts.ended("exited with status 3", kBegin + seconds(9)));
  CHECK(attempts.delay() == seconds(1));
  for (int i = 0; i < 100; ++i) (void)attempts.ended("another reason", kBegin);
  CHECK(attempts.delay() == seconds(30));
  attempts.begin_anew();
  CHECK(attempts.delay() == Duration::zero());
}

TEST_CASE("FAULTS 501: failures are told until a process has run for ten seconds") {
  AdminAttempts attempts;
  CHECK(status_at(attempts, kBegin).failures == 0);
  (void)attempts.ended("killed by signal 9", kBegin);
  const AdminStatus waiting = status_at(attempts, kBegin + milliseconds(100));
  CHECK(waiting.failures == 1);
  CHECK(waiting.failure == "killed by signal 9");
  CHECK(waiting.next_attempt == milliseconds(400));
  const Instant started = kBegin + milliseconds(500);
  CHECK_FALSE(status_at(attempts, started).next_attempt);
  attempts.running(started);
  CHECK(status_at(attempts, started + seconds(9)).failures == 1);
  CHECK_FALSE(status_at(attempts, started + seconds(9)).next_attempt);
  CHECK(status_at(attempts, started + seconds(10)).failures == 0);
  (void)attempts.ended("exited with status 1", started + seconds(10));
  CHECK(attempts.delay() == Duration::zero());
}

}  // namespace
}  // namespace prefork
