// Counts durations in buckets that are at most 1/16 wide: percentiles of any number of samples within 6.25 %,
// in 5 KiB of memory, or half of it with a smaller `Count`.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "supervisor/core/ids.h"

namespace prefork {

template <typename Count>
class BasicHistogram {
 public:
  void add(Duration sample) {
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(sample.count(), 0)) / 1000;
    ++buckets_[bucket_of(us)];
    ++count_;
    max_ = std::max(max_, sample);
  }

  /// All samples of the other.
  template <typename Other>
  void add(const BasicHistogram<Other>& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Duration max() const { return max_; }

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

  static constexpr std::size_t kPartBits = 4;
  static constexpr std::size_t kParts = std::size_t{1} << kPartBits;
  static constexpr std::size_t kBuckets = 40 * kParts;  // to 2^43 µs, a hundred days
  template <typename Other>
  friend class BasicHistogram;
  std::array<Count, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  Duration max_{};
};

using Histogram = BasicHistogram<std::uint64_t>;

}  // namespace prefork
