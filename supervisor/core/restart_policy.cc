#include "supervisor/core/restart_policy.h"

#include <algorithm>
#include <utility>

namespace prefork {

RestartPolicy::RestartPolicy(const PoolSettings& settings, std::uint32_t seed, Instant now) : jitter_(seed) {
  configure(settings, now);
}

void RestartPolicy::configure(const PoolSettings& settings, Instant now) {
  settings_ = settings;
  failures_ = 0;
  in_trouble_ = false;
  last_failure_ = not_before_ = now;
  ever_ready_ = false;
  proof_due_.reset();
  crash_credit_ = full_credit();
  credit_at_ = now;
}

void RestartPolicy::forget_failures(Instant now) {
  failures_ = 0;
  not_before_ = now;
  proof_due_.reset();
  crash_credit_ = full_credit();
  credit_at_ = now;
}

Duration RestartPolicy::on_failure(Instant started_at, Instant now) {
  const bool same_wave = failures_ > 0 && started_at <= last_failure_;
  if (!same_wave) ++failures_;
  in_trouble_ = true;
  last_failure_ = now;
  proof_due_.reset();
  const Duration doubled =
      settings_.backoff_min * (std::int64_t{1} << std::min<std::uint32_t>(failures_ - 1, 16));
  // Up to a quarter more at random, so that pools that fail together do not try together.
  const double spread = std::uniform_real_distribution<double>(1.0, 1.25)(jitter_);
  const auto delay = std::chrono::duration_cast<Duration>(std::min(doubled, settings_.backoff_max) * spread);
  not_before_ = std::max(not_before_, now + delay);
  return not_before_ - now;
}

double RestartPolicy::full_credit() const {
  return kCrashesPerWorker * static_cast<double>(std::max<std::size_t>(settings_.workers, 1));
}

void RestartPolicy::refill(Instant now) {
  const std::chrono::duration<double> passed = now - credit_at_;
  crash_credit_ = std::min(full_credit(), crash_credit_ + passed.count() * full_credit());
  credit_at_ = now;
}

void RestartPolicy::on_crash(Instant now) {
  refill(now);
  const double rate = full_credit();
  crash_credit_ = std::max(crash_credit_ - 1, -rate);
  if (crash_credit_ >= 0) return;
  const std::chrono::duration<double> wait(-crash_credit_ / rate);
  not_before_ = std::max(not_before_, now + std::chrono::duration_cast<Duration>(wait));
}

void RestartPolicy::on_ready(Instant now) {
  ever_ready_ = true;
  if (in_trouble_) proof_due_ = now + kProofAfter;
}

bool RestartPolicy::on_proven() {
  proof_due_.reset();
  failures_ = 0;
  return std::exchange(in_trouble_, false);
}

bool RestartPolicy::may_start(std::size_t pending, Instant now) const {
  if (now < not_before_) return false;
  if (failures_ > 0) return pending == 0 && !proof_due_;
  return ever_ready_ || pending < kUnprovenAtOnce;
}

std::optional<Instant> RestartPolicy::next_start(Instant now) const {
  if (now < not_before_) return not_before_;
  return std::nullopt;
}

}  // namespace prefork
