// Durations of the last minute, beside those of all time.
#include "supervisor/core/timings.h"

#include <doctest/doctest.h>

#include <string>

#include "supervisor/core/snapshot_reader.h"
#include "supervisor/core/snapshot_writer.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant kStart = Instant{} + std::chrono::hours(3);

TEST_CASE("what was slow a minute ago does not hide that it is fast now") {
  Timings timings;
  for (int i = 0; i < 1000; ++i) timings.add(seconds(2), kStart);
  CHECK(timings.last_minute(kStart).percentile(0.5) == seconds(2));
  for (int i = 0; i < 10; ++i) timings.add(milliseconds(1), kStart + minutes(1));
  const Histogram lately = timings.last_minute(kStart + minutes(1));
  CHECK(lately.count() == 10);
  CHECK(lately.max() == milliseconds(1));
  CHECK(lately.percentile(0.99) == milliseconds(1));
  CHECK(timings.total().count() == 1010);
  CHECK(timings.total().max() == seconds(2));
}

TEST_CASE("a sample counts for fifty seconds at least, and for a minute at most") {
  // From the first and from the last moment of a slice.
  for (const Duration into_slice : {Duration(0), Duration(Timings::kSlice - milliseconds(1))}) {
    const Instant at = kStart + into_slice;
    Timings timings;
    timings.add(milliseconds(7), at);
    CHECK(timings.last_minute(at).count() == 1);
    CHECK(timings.last_minute(at + seconds(50)).count() == 1);
    CHECK(timings.last_minute(at + minutes(1)).count() == 0);
    CHECK(timings.last_minute(at + minutes(1)).percentile(0.99) == Duration{});
  }
}

TEST_CASE("samples of each second are counted once, however long it goes on") {
  Timings timings;
  for (int second = 0; second < 300; ++second) {
    const Instant now = kStart + seconds(second);
    timings.add(milliseconds(second), now);
    const auto counted = timings.last_minute(now).count();
    const int expected = second < 60 ? second + 1 : 51 + second % 10;
    REQUIRE(counted == static_cast<std::uint64_t>(expected));
    REQUIRE(timings.last_minute(now).max() == milliseconds(second));
  }
  CHECK(timings.total().count() == 300);
}

TEST_CASE("after an upgrade in place the minute goes on, and the state of an earlier version has the total") {
  Timings timings;
  timings.add(milliseconds(3), kStart);
  timings.add(milliseconds(5), kStart + seconds(20));
  Timings copy;
  REQUIRE(from_snapshot(to_snapshot(timings), copy).empty());
  CHECK(to_snapshot(copy) == to_snapshot(timings));
  copy.add(milliseconds(9), kStart + seconds(70));
  CHECK(copy.last_minute(kStart + seconds(70)).count() == 2);
  Timings adopted;
  REQUIRE(from_snapshot(to_snapshot(timings.total()), adopted).empty());
  CHECK(adopted.total().count() == 2);
  CHECK(adopted.last_minute(kStart + seconds(20)).count() == 0);
}

TEST_CASE("of two histograms the samples add up") {
  Histogram all;
  all.add(milliseconds(1));
  BasicHistogram<std::uint32_t> few;
  few.add(milliseconds(100));
  all.add(few);
  CHECK(all.count() == 2);
  CHECK(all.max() == milliseconds(100));
  CHECK(all.percentile(0.0) < milliseconds(2));
}

}  // namespace
}  // namespace prefork
