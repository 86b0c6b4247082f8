#include "tests/bench/tally.h"

#include <doctest/doctest.h>

namespace prefork::bench {
namespace {

using std::chrono::milliseconds;

Finished answered_in(int latency) {
  return {.kind = 0, .outcome = Outcome::kAnswered, .latency = milliseconds(latency)};
}

TEST_CASE("percentiles of a hundred latencies are the latencies of that rank") {
  Tally tally;
  for (int i = 100; i >= 1; --i) tally.add(answered_in(i));
  CHECK(tally.percentile(0.5).count() == doctest::Approx(50));
  CHECK(tally.percentile(0.99).count() == doctest::Approx(99));
  CHECK(tally.percentile(0.999).count() == doctest::Approx(100));
  CHECK(tally.percentile(1).count() == doctest::Approx(100));
  CHECK(tally.percentile(0).count() == doctest::Approx(1));
}

TEST_CASE("nothing answered has no latency") { CHECK(Tally().percentile(0.99).count() == 0); }

TEST_CASE("errors are counted by their outcome and leave the latencies alone") {
  Tally tally;
  tally.add(answered_in(3));
  tally.add({.kind = 0, .outcome = Outcome::kReset, .latency = milliseconds(900)});
  tally.add({.kind = 0, .outcome = Outcome::kTimedOut, .latency = milliseconds(900)});
  CHECK(tally.answered() == 1);
  CHECK(tally.errors() == 2);
  CHECK(tally.count(Outcome::kReset) == 1);
  CHECK(tally.percentile(1).count() == doctest::Approx(3));
}

}  // namespace
}  // namespace prefork::bench
