#include "tests/bench/load.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace prefork::bench {
namespace {

Clock::duration in_ticks(Seconds seconds) { return std::chrono::duration_cast<Clock::duration>(seconds); }

/// Lets what is under way come to its end, or to its timeout.
template <typename Add>
void finish_all(Driver& driver, std::vector<Finished>& finished, Add add) {
  while (driver.active() > 0) {
    finished.clear();
    driver.wait(Clock::now() + std::chrono::seconds(1), finished);
    for (const Finished& each : finished) add(each);
  }
}

}  // namespace

ChurnReport run_churn(Driver& driver, const ChurnOptions& options) {
  const std::string payload(64, 'x');
  const Request request{.bytes = payload, .answer_size = payload.size()};
  ChurnReport report;
  std::vector<Finished> finished;
  const Instant start = Clock::now();
  const Instant end = start + in_ticks(options.duration);
  for (std::size_t i = 0; i < options.clients; ++i) driver.begin(request, start);
  while (Clock::now() < end) {
    finished.clear();
    driver.wait(end, finished);
    for (const Finished& each : finished) {
      report.exchanges.add(each);
      driver.begin(request, Clock::now());
    }
  }
  finish_all(driver, finished, [&](const Finished& each) { report.exchanges.add(each); });
  report.elapsed = Clock::now() - start;
  return report;
}

OpenReport run_open(Driver& driver, const OpenOptions& options) {
  const std::string verb = options.work ? "W " : "S ";
  const std::string short_line = verb + std::to_string(options.short_time.count()) + "\n";
  const std::string long_line = verb + std::to_string(options.long_time.count()) + "\n";
  const std::size_t least_answer = std::string_view("OK 1\n").size();
  const Request requests[] = {{.bytes = short_line, .answer_size = least_answer, .kind = 0},
                              {.bytes = long_line, .answer_size = least_answer, .kind = 1}};
  std::mt19937_64 random(options.seed);
  std::exponential_distribution<double> gap(options.rate);
  std::bernoulli_distribution is_long(options.long_share);

  OpenReport report;
  const auto add = [&](const Finished& each) {
    report.all.add(each);
    (each.kind == 0 ? report.short_ones : report.long_ones).add(each);
  };
  std::vector<Finished> finished;
  const Instant start = Clock::now();
  const Instant end = start + in_ticks(options.duration);
  Instant next = start + in_ticks(Seconds(gap(random)));
  while (next < end && !options.stopped()) {
    for (const Instant now = Clock::now(); next <= now; next += in_ticks(Seconds(gap(random)))) {
      driver.begin(requests[is_long(random) ? 1 : 0], next);
    }
    report.peak = std::max(report.peak, driver.active());
    finished.clear();
    driver.wait(next, finished);
    for (const Finished& each : finished) add(each);
  }
  finish_all(driver, finished, add);
  report.elapsed = Clock::now() - start;
  return report;
}

}  // namespace prefork::bench
