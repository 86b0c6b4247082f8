// What came of the exchanges of one kind: how many ended how, and the latencies of those that were answered.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "tests/bench/driver.h"

namespace prefork::bench {

class Tally {
 public:
  void add(const Finished& finished);

  [[nodiscard]] std::size_t count(Outcome outcome) const {
    return counts_[static_cast<std::size_t>(outcome)];
  }
  [[nodiscard]] std::size_t answered() const { return count(Outcome::kAnswered); }
  /// Everything that was not answered.
  [[nodiscard]] std::size_t errors() const;
  /// The latency that `share` (0 to 1) of the answered ones did not exceed; 0 when none was answered.
  [[nodiscard]] std::chrono::duration<double, std::milli> percentile(double share) const;
  /// The same of all who waited: those that timed out count with the time until then.
  [[nodiscard]] std::chrono::duration<double, std::milli> waited(double share) const;

 private:
  std::array<std::size_t, kOutcomes> counts_{};
  std::vector<Clock::duration> latencies_;
  std::vector<Clock::duration> given_up_;
};

}  // namespace prefork::bench
