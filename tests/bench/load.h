// The two loads: a closed loop that shows what the server can do, and an open one that shows its tail.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "tests/bench/driver.h"
#include "tests/bench/tally.h"

namespace prefork::bench {

using Seconds = std::chrono::duration<double>;

struct ChurnOptions {
  std::size_t clients = 32;
  Seconds duration{5};
};

/// `clients` at a time connect, send 64 bytes, read the echo to its end, and start again.
struct ChurnReport {
  Tally exchanges;
  Seconds elapsed{};
};
[[nodiscard]] ChurnReport run_churn(Driver& driver, const ChurnOptions& options);

struct OpenOptions {
  double rate = 800;  ///< requests a second
  double long_share = 0.05;
  std::chrono::microseconds short_time{1'000};
  std::chrono::microseconds long_time{100'000};
  bool work = false;  ///< the worker uses CPU time instead of sleeping
  unsigned seed = 1;
  Seconds duration{10};
  std::function<bool()> stopped = [] { return false; };  ///< asked all the time: ends the load before that
};

/// Requests arrive when a Poisson process says so, whatever became of the former ones. Latency counts from
/// when a request was due, so that a slow server cannot slow down its own measurement.
struct OpenReport {
  Tally all;
  Tally short_ones;
  Tally long_ones;
  std::size_t peak = 0;  ///< most under way at once
  Seconds elapsed{};
};
[[nodiscard]] OpenReport run_open(Driver& driver, const OpenOptions& options);

}  // namespace prefork::bench
