#include "tests/bench/ideal_queue.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_map>

namespace prefork::bench {
namespace {

struct Ready {
  Instant at;
  std::size_t arrival = 0;
  auto operator<=>(const Ready&) const = default;
};

template <typename Item>
using Earliest = std::priority_queue<Item, std::vector<Item>, std::greater<>>;

}  // namespace

std::vector<Clock::duration> ideal_latencies(const std::vector<Arrival>& arrivals, std::size_t servers) {
  // Of each client the first request is ready when it is due, and each other one when the one before has
  // ended, too.
  std::vector<std::size_t> next_of_client(arrivals.size(), arrivals.size());
  std::unordered_map<std::size_t, std::size_t> last;
  Earliest<Ready> ready;
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    const auto [place, first] = last.try_emplace(arrivals[i].client, i);
    if (first) {
      ready.push({.at = arrivals[i].due, .arrival = i});
    } else {
      next_of_client[place->second] = i;
      place->second = i;
    }
  }
  Earliest<Instant> free(std::greater<>(), std::vector<Instant>(servers, Instant::min()));
  std::vector<Clock::duration> latencies(arrivals.size());
  while (!ready.empty()) {
    const auto [at, i] = ready.top();
    ready.pop();
    const Instant end = std::max(at, free.top()) + arrivals[i].service;
    free.pop();
    free.push(end);
    latencies[i] = end - arrivals[i].due;
    if (const std::size_t next = next_of_client[i]; next < arrivals.size())
      ready.push({.at = std::max(arrivals[next].due, end), .arrival = next});
  }
  return latencies;
}

}  // namespace prefork::bench
