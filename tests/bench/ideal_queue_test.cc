#include "tests/bench/ideal_queue.h"

#include <doctest/doctest.h>

namespace prefork::bench {
namespace {

using std::chrono::milliseconds;

Arrival arrival(int due, int service, std::size_t client) {
  return {.due = Instant(milliseconds(due)), .service = milliseconds(service), .client = client};
}

std::vector<int> latencies(const std::vector<Arrival>& arrivals, std::size_t servers) {
  std::vector<int> result;
  for (const Clock::duration latency : ideal_latencies(arrivals, servers))
    result.push_back(static_cast<int>(std::chrono::duration_cast<milliseconds>(latency).count()));
  return result;
}

TEST_CASE("requests that meet a free server take their service time") {
  CHECK(latencies({arrival(0, 10, 1), arrival(5, 10, 2)}, 2) == std::vector{10, 10});
}

TEST_CASE("requests wait for the server that is free first, in the order of arrival") {
  const std::vector<Arrival> arrivals{arrival(0, 100, 1), arrival(0, 10, 2), arrival(5, 10, 3),
                                      arrival(6, 10, 4)};
  CHECK(latencies(arrivals, 2) == std::vector{100, 10, 15, 24});
}

TEST_CASE("a client's next request begins after the one before, and others go ahead of it") {
  const std::vector<Arrival> arrivals{arrival(0, 50, 1), arrival(10, 10, 1), arrival(20, 10, 2)};
  CHECK(latencies(arrivals, 2) == std::vector{50, 50, 10});
}

TEST_CASE("no request is no latency") { CHECK(ideal_latencies({}, 1).empty()); }

}  // namespace
}  // namespace prefork::bench
