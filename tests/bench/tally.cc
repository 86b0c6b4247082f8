#include "tests/bench/tally.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace prefork::bench {

void Tally::add(const Finished& finished) {
  ++counts_[static_cast<std::size_t>(finished.outcome)];
  if (finished.outcome == Outcome::kAnswered) latencies_.push_back(finished.latency);
}

std::size_t Tally::errors() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::size_t{0}) - answered();
}

std::chrono::duration<double, std::milli> Tally::percentile(double share) const {
  if (latencies_.empty()) return {};
  std::vector<Clock::duration> sorted = latencies_;
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  const std::size_t index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(index, sorted.size() - 1));
  std::nth_element(sorted.begin(), nth, sorted.end());
  return *nth;
}

}  // namespace prefork::bench
