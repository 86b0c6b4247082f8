#include "supervisor/systemd/service_reporter.h"

#include <algorithm>
#include <utility>

#include "supervisor/systemd/notify.h"

namespace prefork {

void ServiceReporter::begin() {
  begun_ = is_service();
  if (!begun_) return;
  if (ready_) tell_ready();
  look();
  report();
}

void ServiceReporter::look() {
  if (ready_ || !begun_ || stopping_ || !supervisor_.serves()) return;
  ready_ = true;
  tell_ready();
}

void ServiceReporter::reloading() {
  if (begun_ && ready_) tell(reloading_notification());
}

void ServiceReporter::reloaded() {
  if (begun_ && ready_) tell_ready();
}

void ServiceReporter::tell_ready() { tell(ready_notification(summary(supervisor_.pool_summaries()))); }

void ServiceReporter::stopping(Duration extend) {
  stopping_ = true;
  if (is_service()) tell(stopping_notification(extend));
}

void ServiceReporter::tell(std::string notification) {
  unsent_.push_back(std::move(notification));
  if (unsent_.size() > kMaxUnsent) {
    unsent_.pop_front();
    ++dropped_;
  }
  if (!retry_.active()) send_unsent();
}

void ServiceReporter::send_unsent() {
  while (!unsent_.empty() && send(unsent_.front())) unsent_.pop_front();
  if (!unsent_.empty()) retry_.start(kRetry, Callback::to<&ServiceReporter::send_unsent>(*this));
}

bool ServiceReporter::send(const std::string& notification) {
  const bool sent = send_notification(notification);
  if (sent == heard_) return sent;
  heard_ = sent;
  if (sent) {
    log_.info("systemd reads the notifications again; {} were dropped", std::exchange(dropped_, 0));
  } else {
    log_.warn(
        "systemd does not read the notifications: changes of state are sent again until it does, others are "
        "dropped");
  }
  return sent;
}

void ServiceReporter::report() {
  const bool in_order = unsent_.empty() && !stopping_;
  if (in_order && !send(status_notification(summary(supervisor_.pool_summaries())))) ++dropped_;
  report_alive();
}

void ServiceReporter::report_alive() {
  const Duration limit = watchdog_interval();
  const bool alive = limit == Duration::zero() || send(alive_notification());
  if (!alive) ++dropped_;
  const Duration usual = ready_ ? kInterval : kIntervalAtStart;
  Duration interval = limit > Duration::zero() ? std::min(limit / 2, usual) : usual;
  if (!alive) interval = std::min(interval, kRetry);
  timer_.start(interval, Callback::to<&ServiceReporter::report>(*this));
}

}  // namespace prefork
