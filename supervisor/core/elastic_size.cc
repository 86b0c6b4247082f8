#include "supervisor/core/elastic_size.h"

#include <algorithm>

namespace prefork {

void ElasticSize::configure(const PoolSettings::Elastic& settings, std::size_t limit, Instant now) {
  settings_ = settings;
  settings_.min = std::min(settings.min, limit);
  limit_ = limit;
  burst_ = 1;
  credit_ = static_cast<double>(settings_.spawn_rate);
  credit_at_ = next_step_ = now;
  step_awaited_.reset();
  window_end_.reset();
}

std::size_t ElasticSize::clamp(std::size_t target) const { return std::clamp(target, settings_.min, limit_); }

std::size_t ElasticSize::decide(const Load& load, std::size_t target, Instant now) {
  step_awaited_.reset();
  const std::size_t wanted = load.queued + settings_.spare;
  const std::size_t available = load.idle + load.coming;
  if (wanted > available && target < limit_) {
    window_end_.reset();
    return target + grow(std::min(wanted - available, limit_ - target), now);
  }
  if (now >= next_step_ + kStep) burst_ = 1;
  return shrink(load, target, now);
}

std::size_t ElasticSize::grow(std::size_t shortage, Instant now) {
  const auto rate = static_cast<double>(settings_.spawn_rate);
  const std::chrono::duration<double> passed = now - credit_at_;
  credit_ = std::min(rate, credit_ + passed.count() * rate);
  credit_at_ = now;
  const std::size_t step = std::min({shortage, burst_, static_cast<std::size_t>(credit_)});
  if (now < next_step_ || step == 0) {
    const std::chrono::duration<double> until_credit(std::max(0.0, 1 - credit_) / rate);
    step_awaited_ =
        std::max({next_step_, now + std::chrono::duration_cast<Duration>(until_credit), now + kStep / 10});
    return 0;
  }
  credit_ -= static_cast<double>(step);
  burst_ = std::min(burst_ * 2, settings_.spawn_rate);
  next_step_ = now + kStep;
  if (step < shortage) step_awaited_ = next_step_;
  return step;
}

std::size_t ElasticSize::shrink(const Load& load, std::size_t target, Instant now) {
  if (target <= settings_.min) {
    window_end_.reset();
    return target;
  }
  if (!window_end_) {
    window_end_ = now + settings_.idle_timeout;
    low_water_ = load.idle;
  }
  low_water_ = std::min(low_water_, load.idle);
  if (now < *window_end_) return target;
  const std::size_t unneeded = low_water_ - std::min(low_water_, settings_.spare);
  window_end_.reset();
  const std::size_t left = target - std::min(target - settings_.min, unneeded);
  if (left > settings_.min) {
    window_end_ = now + settings_.idle_timeout;
    low_water_ = load.idle - std::min(load.idle, target - left);
  }
  return left;
}

std::optional<Instant> ElasticSize::next_look() const {
  if (!step_awaited_ || !window_end_) return step_awaited_ ? step_awaited_ : window_end_;
  return std::min(*step_awaited_, *window_end_);
}

}  // namespace prefork
