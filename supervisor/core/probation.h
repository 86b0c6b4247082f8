// Whether the worker on trial has stood its probation. What it was given it must serve: connections that it
// refuses, or that it holds for long without a sign of work, count against it. Where too few connections
// come, time alone decides. Rollout asks; Lifecycle acts.
#pragma once

#include <optional>

#include "supervisor/core/connection_table.h"
#include "supervisor/core/histogram.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/settings.h"
#include "supervisor/core/worker_row.h"

namespace prefork {

enum class Trial {
  kUndecided,
  kPassed,
  kRefuses,  ///< failed: it has refused more connections than it has served
  kHangs,    ///< failed: it has held a connection for too long, and served too few others
};

struct Verdict {
  Trial trial = Trial::kUndecided;
  std::optional<Instant> ask_again = {};  ///< kUndecided: when time alone may change it; failed: now
};

class Probation {
 public:
  /// A worker that gets too few connections for its probation passes after this many times the probation.
  static constexpr int kPatience = 3;
  /// A connection may take so many times as long as 99 % of the pool's connections did.
  static constexpr int kSlower = 4;
  /// The least and the longest time that a connection may take.
  static constexpr Duration kShortest = std::chrono::seconds(5);
  static constexpr Duration kLongest = std::chrono::seconds(60);
  /// So many connections must have ended before it is known how long they usually take.
  static constexpr std::uint64_t kKnown = 20;

  /// `busy_times`: how long the pool's connections took.
  Probation(const PoolSettings& settings, const ConnectionTable& connections, const Histogram& busy_times)
      : settings_(settings), connections_(connections), busy_times_(busy_times) {}

  [[nodiscard]] Verdict judge(const WorkerRow& row, Instant now) const;

  /// The worker leaves by itself, whatever the time: it has served as many connections as it must, at least
  /// one.
  [[nodiscard]] bool served_enough(const WorkerRow& row) const;

 private:
  struct Held {
    std::uint64_t at_work = 0;            ///< connections for which it has sent Progress
    std::optional<Instant> silent_since;  ///< of the other connections, the one that it holds the longest
  };
  [[nodiscard]] Held held_by(WorkerId worker) const;
  /// How long a connection may be held without a sign; nothing when holding one for long is usual here.
  [[nodiscard]] std::optional<Duration> longest_silence() const;

  const PoolSettings& settings_;
  const ConnectionTable& connections_;
  const Histogram& busy_times_;
};

}  // namespace prefork
