#include "supervisor/admin_process/admin_attempts.h"

#include <algorithm>
#include <utility>

namespace prefork {
namespace {

constexpr Duration kFirstDelay = std::chrono::milliseconds(500);
constexpr Duration kLongestDelay = std::chrono::seconds(30);

}  // namespace

bool AdminAttempts::of_use(Instant now) const { return running_since_ && now - *running_since_ >= kProof; }

bool AdminAttempts::ended(const std::string& why, Instant now) {
  failures_ = of_use(now) ? 0 : failures_ + 1;
  running_since_.reset();
  next_at_ = now + delay();
  return std::exchange(why_, why) == why;
}

void AdminAttempts::begin_anew() {
  failures_ = 0;
  running_since_.reset();
}

Duration AdminAttempts::delay() const {
  if (failures_ == 0) return Duration::zero();
  return std::min<Duration>(kFirstDelay * (1 << std::min(failures_ - 1, 10U)), kLongestDelay);
}

void AdminAttempts::add_to(AdminStatus& status, Instant now) const {
  if (failures_ == 0 || of_use(now)) return;
  status.failures = failures_;
  status.failure = why_;
  if (!running_since_ && next_at_ > now) status.next_attempt = next_at_ - now;
}

}  // namespace prefork
