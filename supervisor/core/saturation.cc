#include "supervisor/core/saturation.h"

#include <utility>

namespace prefork {

void Saturation::observe(std::size_t queued, Instant now, Actions& out) {
  if (queued > 0) {
    calm_since_.reset();
    if (!std::exchange(saturated_, true)) out.push_back(action::ReportSaturation{true, queued});
  } else if (saturated_ && !calm_since_) {
    calm_since_ = now;
  } else if (saturated_ && now >= *calm_since_ + kCalm) {
    saturated_ = false;
    calm_since_.reset();
    out.push_back(action::ReportSaturation{});
  }
}

std::optional<Instant> Saturation::next_deadline() const {
  if (!calm_since_) return std::nullopt;
  return *calm_since_ + kCalm;
}

}  // namespace prefork
