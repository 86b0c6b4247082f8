// Deadlines that are noticed late, without the pool around them.
#include "supervisor/core/standstill_guard.h"

#include <doctest/doctest.h>

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kNow = Instant{} + std::chrono::hours(1);

TEST_CASE("a deadline that is noticed in time, or a little late, counts") {
  StandstillGuard guard;
  CHECK_FALSE(guard.too_late_to_judge(kNow, kNow));
  CHECK_FALSE(guard.too_late_to_judge(kNow + seconds(5), kNow + milliseconds(5999)));
  CHECK_FALSE(guard.catching_up());
}

TEST_CASE("without a deadline there is no standstill") {
  StandstillGuard guard;
  CHECK_FALSE(guard.too_late_to_judge(std::nullopt, kNow));
}

TEST_CASE("a deadline that is noticed a second late begins the grace, and counts when the grace is over") {
  StandstillGuard guard;
  CHECK(guard.too_late_to_judge(kNow, kNow + StandstillGuard::kStandstill));
  CHECK(guard.catching_up());
  const Instant end = kNow + StandstillGuard::kStandstill + StandstillGuard::kGrace;
  CHECK(guard.too_late_to_judge(kNow, end - milliseconds(1)));
  CHECK_FALSE(guard.too_late_to_judge(kNow, end));
  CHECK_FALSE(guard.catching_up());
}

TEST_CASE("during the grace no deadline is before its end") {
  StandstillGuard guard;
  CHECK(guard.postponed(kNow) == kNow);
  (void)guard.too_late_to_judge(kNow, kNow + seconds(10));
  CHECK(guard.postponed(kNow) == kNow + seconds(10) + StandstillGuard::kGrace);
  CHECK(guard.postponed(kNow + seconds(60)) == kNow + seconds(60));
  CHECK_FALSE(guard.postponed(std::nullopt));
}

TEST_CASE("a deadline that new settings put into the past is no standstill") {
  StandstillGuard guard;
  guard.settings_changed(kNow + seconds(10));
  CHECK_FALSE(guard.too_late_to_judge(kNow, kNow + seconds(10)));
}

TEST_CASE("what is still due after it was acted on was too much at once, not a standstill") {
  StandstillGuard guard;
  CHECK_FALSE(guard.too_late_to_judge(kNow, kNow + milliseconds(500)));
  CHECK_FALSE(guard.too_late_to_judge(kNow, kNow + milliseconds(1400)));
  CHECK(guard.too_late_to_judge(kNow, kNow + milliseconds(2400)));
}

}  // namespace
}  // namespace prefork
