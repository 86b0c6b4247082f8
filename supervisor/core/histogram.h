// Counts durations in buckets that are at most 1/16 wide: percentiles of any number of samples within 6.25 %,
// in 5 KiB of memory, or half of it with a smaller `Count`. Their sum is exact.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "supervisor/core/ids.h"

namespace prefork {

template <typename Count>
class BasicHistogram {
 public:
  /// cumulative() has an entry for each power of two from 1 µs to 2^36 µs, which is 19 hours.
  static constexpr std::size_t kEdges = 37;

  void add(Duration sample) {
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(sample.count(), 0));
    ++buckets_[bucket_of(ns == 0 ? 0 : (ns - 1) / 1000)];  // a bucket contains its upper end
    ++count_;
    add_to_sum(ns / 1000, ns % 1000);
    max_ = std::max(max_, sample);
  }

  /// All samples of the other.
  template <typename Other>
  void add(const BasicHistogram<Other>& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    add_to_sum(other.sum_us_, other.sum_rest_ns_);
    max_ = std::max(max_, other.max_);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Duration max() const { return max_; }
  /// Of all samples, without the fraction of the last microsecond.
  [[nodiscard]] std::uint64_t sum_us() const { return sum_us_; }

  /// Entry i is the number of samples of at most 2^i µs: powers of two are ends of buckets, so it is exact.
  [[nodiscard]] std::array<std::uint64_t, kEdges> cumulative() const {
    std::array<std::uint64_t, kEdges> up_to{};
    std::uint64_t seen = 0;
    std::size_t bucket = 0;
    for (std::size_t edge = 0; edge < kEdges; ++edge) {
      for (const std::size_t end = bucket_of(std::uint64_t{1} << edge); bucket < end; ++bucket)
        seen += buckets_[bucket];
      up_to[edge] = seen;
    }
    return up_to;
  }

  /// The upper end of the bucket with the sample of that rank; never more than max(). `fraction` is 0 to 1.
  [[nodiscard]] Duration percentile(double fraction) const {
    const auto rank = static_cast<std::uint64_t>(fraction * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > rank) return std::min<Duration>(std::chrono::microseconds(upper_end(i)), max_);
    }
    return max_;
  }

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("buckets", self.buckets_), visit("count", self.count_), visit("max", self.max_);
    visit("sum_us", self.sum_us_), visit("sum_rest_ns", self.sum_rest_ns_);
    if constexpr (!std::is_const_v<Self>) self.estimate_missing_sum();
  }

 private:
  // Values below 16 µs have a bucket each; above, each power of two is cut into sixteen.
  static constexpr std::size_t bucket_of(std::uint64_t us) {
    if (us < kParts) return static_cast<std::size_t>(us);
    const auto exponent = static_cast<std::size_t>(std::bit_width(us)) - 1;
    const auto part = static_cast<std::size_t>((us >> (exponent - kPartBits)) % kParts);
    return std::min(kBuckets - 1, (exponent - kPartBits + 1) * kParts + part);
  }
  static constexpr std::uint64_t upper_end(std::size_t bucket) {
    if (bucket < kParts) return bucket + 1;
    const std::size_t exponent = bucket / kParts + kPartBits - 1;
    return (kParts + bucket % kParts + 1) << (exponent - kPartBits);
  }

  void add_to_sum(std::uint64_t us, std::uint64_t ns) {
    sum_rest_ns_ += ns;
    sum_us_ += us + sum_rest_ns_ / 1000;
    sum_rest_ns_ %= 1000;
  }
  /// Earlier versions have kept no sum: the middle of each bucket stands for its samples.
  void estimate_missing_sum() {
    if (sum_us_ > 0 || max_ < std::chrono::microseconds(1)) return;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      const std::uint64_t begin = i == 0 ? 0 : upper_end(i - 1);
      sum_us_ += buckets_[i] * begin + buckets_[i] * (upper_end(i) - begin) / 2;
    }
  }

  static constexpr std::size_t kPartBits = 4;
  static constexpr std::size_t kParts = std::size_t{1} << kPartBits;
  static constexpr std::size_t kBuckets = 40 * kParts;  // to 2^43 µs, a hundred days
  template <typename Other>
  friend class BasicHistogram;
  std::array<Count, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  // Not one number of nanoseconds: thousands of busy workers would fill it within a month.
  std::uint64_t sum_us_ = 0, sum_rest_ns_ = 0;
  Duration max_{};
};

using Histogram = BasicHistogram<std::uint64_t>;

}  // namespace prefork
