// Each way to die has one cause.
#include "supervisor/core/death_cause.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

namespace prefork {
namespace {

TEST_CASE("a worker that ended by itself died of how it ended, others of the reason why they were ended") {
  DeathRecord death;
  const auto cause = [&death] { return std::string(name_of(cause_of(death))); };
  death.exit = {Exit::Kind::kOutOfMemory, 9};
  CHECK(cause() == "out_of_memory");
  death.exit = {Exit::Kind::kSignaled, 9};
  CHECK(cause() == "signaled");
  death.reason = StopReason::kBusyTimeout;
  CHECK(cause() == "busy_timeout");
  death.reason = StopReason::kViolation;
  CHECK(cause() == "violation");
}

TEST_CASE("a death is planned exactly when it is not a failure") {
  DeathRecord death;
  std::size_t planned = 0;
  for (int reason = 0; reason <= static_cast<int>(StopReason::kLeftTooSoon); ++reason) {
    CAPTURE(reason);
    death.reason = static_cast<StopReason>(reason);
    CHECK((cause_of(death) == DeathCause::kPlanned) == !death.is_failure());
    planned += death.is_failure() ? 0U : 1U;
  }
  CHECK(planned == 6);
}

TEST_CASE("each cause has a name of its own") {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kDeathCauses; ++i) names.insert(name_of(static_cast<DeathCause>(i)));
  CHECK(names.size() == kDeathCauses);
  CHECK_FALSE(names.contains("?"));
}

}  // namespace
}  // namespace prefork
