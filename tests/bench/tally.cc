#include "tests/bench/tally.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace prefork::bench {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

Milliseconds percentile_of(std::vector<Clock::duration> latencies, double share) {
  if (latencies.empty()) return {};
  const double rank = std::ceil(share * static_cast<double>(latencies.size()));
  const std::size_t index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  const auto nth = latencies.begin() + static_cast<std::ptrdiff_t>(std::min(index, latencies.size() - 1));
  std::nth_element(latencies.begin(), nth, latencies.end());
  return *nth;
}

}  // namespace

void Tally::add(const Finished& finished) {
  ++counts_[static_cast<std::size_t>(finished.outcome)];
  if (finished.outcome == Outcome::kAnswered) latencies_.push_back(finished.latency);
  if (finished.outcome == Outcome::kTimedOut) given_up_.push_back(finished.latency);
}

std::size_t Tally::errors() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::size_t{0}) - answered();
}

Milliseconds Tally::percentile(double share) const { return percentile_of(latencies_, share); }

Milliseconds Tally::waited(double share) const {
  std::vector<Clock::duration> all = latencies_;
  all.insert(all.end(), given_up_.begin(), given_up_.end());
  return percentile_of(std::move(all), share);
}

}  // namespace prefork::bench
