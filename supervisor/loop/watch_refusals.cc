#include "supervisor/loop/watch_refusals.h"

#include "supervisor/system/clock.h"

namespace prefork {

WatchRefusals::WatchRefusals(Loop& loop, Log& log) : log_(log) {
  loop.on_refusal(Callback::to<&WatchRefusals::on_refusal>(*this));
}

void WatchRefusals::on_refusal() {
  const Instant now = current_time();
  if (logged_at_ && now - *logged_at_ < kInterval) return;
  logged_at_ = now;
  log_.error(
      "the kernel refuses to watch a descriptor: memory or fs.epoll.max_user_watches is short; what comes "
      "there "
      "waits, and the supervisor tries again each tenth of a second");
}

}  // namespace prefork
