// What no dispatcher can beat: one queue in the order of arrival before servers of one request at a time, and
// nothing that costs time but the service itself. For the same arrivals as in a load of HttpLoad.
#pragma once

#include <cstddef>
#include <vector>

#include "tests/bench/driver.h"

namespace prefork::bench {

struct Arrival {
  Instant due;
  Clock::duration service{};
  std::size_t client = 0;  ///< asks one request after the other
};

/// The time of each request from when it was due until it is served. `arrivals` are in the order of `due`;
/// `servers` ≥ 1.
[[nodiscard]] std::vector<Clock::duration> ideal_latencies(const std::vector<Arrival>& arrivals,
                                                           std::size_t servers);

}  // namespace prefork::bench
