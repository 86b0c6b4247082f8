#include "supervisor/core/histogram.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "supervisor/core/snapshot_reader.h"
#include "supervisor/core/snapshot_writer.h"

namespace prefork {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("an empty histogram has no samples and its percentiles are zero") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.max() == Duration{});
  CHECK(histogram.percentile(0.99) == Duration{});
}

TEST_CASE("a percentile is never below the sample and at most a sixteenth above it") {
  for (std::int64_t us = 4; us < 4'000'000'000; us = us * 9 / 8 + 1) {
    Histogram histogram;
    histogram.add(microseconds(us));
    histogram.add(seconds(8000));  // so that the largest sample does not cut the bucket
    const Duration found = histogram.percentile(0.0);
    CAPTURE(us);
    CHECK(found >= microseconds(us));
    CHECK(found <= microseconds(us + us / 16 + 1));
  }
}

TEST_CASE("a percentile is never above the largest sample") {
  Histogram histogram;
  histogram.add(milliseconds(9));
  CHECK(histogram.percentile(0.5) == milliseconds(9));
  CHECK(histogram.percentile(1.0) == milliseconds(9));
}

TEST_CASE("percentiles tell the common sample from the rare one") {
  Histogram histogram;
  for (int i = 0; i < 95; ++i) histogram.add(milliseconds(1));
  for (int i = 0; i < 5; ++i) histogram.add(milliseconds(100));
  CHECK(histogram.count() == 100);
  CHECK(histogram.percentile(0.5) < milliseconds(2));
  CHECK(histogram.percentile(0.94) < milliseconds(2));
  CHECK(histogram.percentile(0.96) == milliseconds(100));
  CHECK(histogram.max() == milliseconds(100));
}

TEST_CASE("the sum is exact to the nanosecond, however small the samples are") {
  Histogram histogram;
  for (int i = 0; i < 10'000; ++i) histogram.add(Duration(1'700));
  CHECK(histogram.sum_us() == 17'000);
  histogram.add(Duration(-5));
  histogram.add(Duration(999));
  CHECK(histogram.sum_us() == 17'000);
  Histogram all;
  all.add(Duration(1));
  all.add(histogram);
  CHECK(all.sum_us() == 17'001);
  CHECK(all.count() == histogram.count() + 1);
}

TEST_CASE("the sum of thousands of busy workers over years has room") {
  Histogram histogram;
  for (int i = 0; i < 4096; ++i) histogram.add(std::chrono::hours(24 * 365));
  CHECK(histogram.sum_us() == 4096ULL * 365 * 24 * 3600 * 1'000'000);
}

TEST_CASE("a cumulative bucket has exactly the samples of at most its power of two") {
  Histogram histogram;
  for (std::size_t edge = 0; edge < Histogram::kEdges; ++edge) {
    histogram.add(microseconds(std::int64_t{1} << edge));
    histogram.add(microseconds(std::int64_t{1} << edge) + Duration(1));
  }
  const auto up_to = histogram.cumulative();
  for (std::size_t edge = 0; edge < Histogram::kEdges; ++edge) {
    CAPTURE(edge);
    CHECK(up_to[edge] == 2 * edge + 1);
  }
  histogram.add(Duration{});
  CHECK(histogram.cumulative()[0] == 2);
  CHECK(histogram.cumulative().back() == histogram.count() - 1);
}

/// A histogram of a version that kept no sum.
struct OlderHistogram {
  std::vector<std::uint64_t> buckets;
  std::uint64_t count = 0;
  Duration max{};
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("buckets", self.buckets), visit("count", self.count), visit("max", self.max);
  }
};

TEST_CASE("FAULTS 427: a histogram of an earlier version gets a sum that fits its buckets, and counts on") {
  Histogram whole;
  for (std::int64_t us = 1; us < 1'000'000'000; us = us * 5 / 4 + 1) whole.add(microseconds(us));
  OlderHistogram older;
  REQUIRE(from_snapshot(to_snapshot(whole), older).empty());
  Histogram adopted;
  REQUIRE(from_snapshot(to_snapshot(older), adopted).empty());
  CHECK(adopted.count() == whole.count());
  const auto sum = static_cast<double>(whole.sum_us());
  CHECK(static_cast<double>(adopted.sum_us()) == doctest::Approx(sum).epsilon(0.04));
  const std::uint64_t before = adopted.sum_us();
  adopted.add(seconds(1));
  CHECK(adopted.sum_us() == before + 1'000'000);
  Histogram copy;
  REQUIRE(from_snapshot(to_snapshot(whole), copy).empty());
  CHECK(copy.sum_us() == whole.sum_us());
}

TEST_CASE("a negative and an enormous sample are counted in the outermost buckets") {
  Histogram histogram;
  histogram.add(Duration(-5));
  CHECK(histogram.percentile(0.5) == Duration{});
  histogram.add(Duration::max());
  CHECK(histogram.count() == 2);
  CHECK(histogram.max() == Duration::max());
}

}  // namespace
}  // namespace prefork
