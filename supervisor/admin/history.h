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
  /// Puts what to_json() of an earlier process has given in front. What has another form is left out.
  void restore(const Json& saved);
  /// {"interval_ms", "time", "pools"}
  [[nodiscard]] Json to_json() const;
  /// {"time", "pools"} of the latest second; null: there is none.
  [[nodiscard]] Json latest() const;

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

  [[nodiscard]] static Samples saved_samples(const Json& pools, std::size_t at);
  [[nodiscard]] Sample sample_of(const Json& pool, std::int64_t time);

  std::deque<Second> seconds_;
  std::map<std::string, Before> before_;
};

}  // namespace prefork
