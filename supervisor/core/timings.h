// How long something took: each time since the pool was made, and each time of about the last minute. That is
// the present slice of ten seconds and the five before it, so 50 to 60 seconds. The slices follow the times
// of the samples: no timer turns them. 2.6 KiB for a slice; a slice without a sample takes no memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "supervisor/core/histogram.h"
#include "supervisor/core/ids.h"

namespace prefork {

class Timings {
 public:
  static constexpr Duration kSlice = std::chrono::seconds(10);
  static constexpr std::size_t kSlices = 6;

  /// `now` never decreases.
  void add(Duration sample, Instant now) {
    total_.add(sample);
    const std::int64_t number = number_of(now);
    if (slices_.empty() || slices_.back().number != number) {
      if (slices_.capacity() == 0) slices_.reserve(kSlices);
      std::erase_if(slices_, [number](const Slice& slice) { return over(slice, number); });
      slices_.push_back(Slice{number, {}});
    }
    slices_.back().samples.add(sample);
  }

  [[nodiscard]] const Histogram& total() const { return total_; }
  [[nodiscard]] Histogram last_minute(Instant now) const {
    Histogram all;
    for (const Slice& slice : slices_) {
      if (!over(slice, number_of(now))) all.add(slice.samples);
    }
    return all;
  }

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    // The members of the total stand beside the slices, where earlier versions have them.
    Histogram::visit_state(self.total_, visit);
    visit("slices", self.slices_);
  }

 private:
  struct Slice {
    std::int64_t number = 0;  ///< of ten seconds since the clock began
    BasicHistogram<std::uint32_t> samples;

    template <typename Self, typename Visit>
    static void visit_state(Self& self, Visit&& visit) {
      visit("number", self.number), visit("samples", self.samples);
    }
  };
  static std::int64_t number_of(Instant now) { return now.time_since_epoch() / kSlice; }
  static bool over(const Slice& slice, std::int64_t now) {
    return slice.number + static_cast<std::int64_t>(kSlices) <= now;
  }

  Histogram total_;
  std::vector<Slice> slices_;  ///< in order
};

}  // namespace prefork
