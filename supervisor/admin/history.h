// The figures of each pool in each of the last 900 seconds, from the supervisor's status. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/admin/json_read.h"

namespace prefork {

/// What a histogram of the status has counted until now: its edges in microseconds, and how many are up to
/// each.
struct CumulativeCounts {
  std::vector<double> edges;
  std::vector<double> counts;

  [[nodiscard]] static CumulativeCounts of(const Json& histogram);
  /// In milliseconds, of what came since `before`; nothing came: nothing.
  [[nodiscard]] std::optional<double> percentile_since(const CumulativeCounts& before, double share) const;
};

/// Of one pool in one second. Nothing: not known.
struct Sample {
  std::optional<double> queue, wait_p50_ms, wait_p99_ms, rate, busy, ready;
};

class History {
 public:
  static constexpr std::size_t kSeconds = 900;
  static constexpr std::size_t kMaxPools = 256;

  /// `time`: unix time in seconds. Null `status`: the supervisor has not answered.
  void add(std::int64_t time, const Json& status);
  void clear();
  /// Puts seconds of an earlier process in front, each as its saved() was. What has another form is left out.
  void restore(const std::vector<Json>& saved);
  /// {"interval_ms", "time", "pools"}
  [[nodiscard]] Json to_json() const;
  /// {"time", "pools"} of the latest second; null: there is none.
  [[nodiscard]] Json latest() const;
  /// The same, short: [time, {POOL: [figure, …]}].
  [[nodiscard]] Json saved() const;

 private:
  struct Before {
    double dispatched = 0;
    CumulativeCounts waits;
    std::int64_t time = 0;
  };
  using Samples = std::map<std::string, Sample>;
  struct Second {
    std::int64_t time = 0;
    Samples pools;
  };

  [[nodiscard]] static std::optional<Second> read_second(const Json& saved);
  /// Drops the seconds that come once more because the clock was set back. True: this one is there already.
  [[nodiscard]] bool has_after_set_back(std::int64_t time);
  /// Seconds that were missed before it are gaps.
  void append(Second second);
  [[nodiscard]] Sample sample_of(const Json& pool, std::int64_t time);

  std::deque<Second> seconds_;
  std::map<std::string, Before> before_;
};

}  // namespace prefork
