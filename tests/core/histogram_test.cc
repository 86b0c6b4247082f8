#include "supervisor/core/histogram.h"

#include <doctest/doctest.h>

#include <cstdint>

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
    CHECK(found > microseconds(us));
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
