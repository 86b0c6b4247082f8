// Decides when the next worker may be started. After a failure to start: with delays that double, one attempt
// at a time. After a crash while serving: at once, but at a limited rate. Planned ends of workers are not
// reported to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>

#include "supervisor/core/ids.h"
#include "supervisor/core/settings.h"

namespace prefork {

class RestartPolicy {
 public:
  /// How many workers may start at a time before the first has ever been ready.
  static constexpr std::size_t kUnprovenAtOnce = 4;
  /// A worker that has been ready this long, or has served a connection, proves that starting works.
  static constexpr Duration kProofAfter = std::chrono::seconds(1);

  RestartPolicy(const PoolSettings& settings, std::uint32_t seed, Instant now);

  /// New settings. The cause of failures may be mended: forgets all failures.
  void configure(const PoolSettings& settings, Instant now);

  /// The operator says that the cause is mended: the next start may be at once. What was learned before the
  /// failures is kept, and the same proof is needed that they are over.
  void forget_failures(Instant now);

  /// A worker died before Ready, or so soon after it that this makes no difference. Failures of attempts that
  /// overlapped count as one. Returns the delay until the next start.
  Duration on_failure(Instant started_at, Instant now);
  /// A worker died that had served, or had been ready for a while.
  void on_crash(Instant now);
  void on_ready(Instant now);
  /// A worker started since the last failure has served a connection, or kProofAfter has passed since it was
  /// ready. True when this ended a series of failures.
  bool on_proven();

  /// May one more worker be started, while `pending` are starting, or were ended and are not reaped yet?
  [[nodiscard]] bool may_start(std::size_t pending, Instant now) const;
  /// When may_start() could change by time alone.
  [[nodiscard]] std::optional<Instant> next_start(Instant now) const;
  /// When the worker that is ready but unproven will be proven by age alone.
  [[nodiscard]] std::optional<Instant> proof_due() const { return proof_due_; }
  [[nodiscard]] std::uint32_t failures() const { return failures_; }
  /// There were failures, and it is not proven yet that they are over.
  [[nodiscard]] bool in_trouble() const { return in_trouble_; }
  [[nodiscard]] Instant last_failure() const { return last_failure_; }

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("jitter", self.jitter_), visit("failures", self.failures_);
    visit("in_trouble", self.in_trouble_), visit("last_failure", self.last_failure_);
    visit("not_before", self.not_before_), visit("ever_ready", self.ever_ready_);
    visit("proof_due", self.proof_due_), visit("crash_credit", self.crash_credit_);
    visit("credit_at", self.credit_at_);
  }

 private:
  /// Crashes after which a worker may be started at once: a bucket that holds a few for each worker and fills
  /// in a second.
  static constexpr double kCrashesPerWorker = 4;
  [[nodiscard]] double full_credit() const;
  void refill(Instant now);

  PoolSettings settings_;
  std::minstd_rand jitter_;
  std::uint32_t failures_ = 0;  ///< consecutive
  bool in_trouble_ = false;
  Instant last_failure_;
  Instant not_before_;
  bool ever_ready_ = false;
  std::optional<Instant> proof_due_;
  double crash_credit_ = 0;
  Instant credit_at_;
};

}  // namespace prefork
