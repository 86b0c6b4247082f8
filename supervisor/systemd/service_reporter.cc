#include "supervisor/systemd/service_reporter.h"

#include <algorithm>

#include "supervisor/systemd/notify.h"

namespace prefork {

void ServiceReporter::begin() {
  if (!is_service()) return;
  notify_ready(summary(supervisor_.pool_summaries()));
  report_alive();
}

void ServiceReporter::reloading() const {
  if (is_service()) notify_reloading();
}

void ServiceReporter::reloaded() const {
  if (is_service()) notify_ready(summary(supervisor_.pool_summaries()));
}

void ServiceReporter::stopping() {
  stopping_ = true;
  if (is_service()) notify_stopping();
}

void ServiceReporter::report() {
  if (!stopping_) notify_status(summary(supervisor_.pool_summaries()));
  report_alive();
}

void ServiceReporter::report_alive() {
  const Duration limit = watchdog_interval();
  if (limit > Duration::zero()) notify_alive();
  const Duration interval = limit > Duration::zero() ? std::min(limit / 2, kInterval) : kInterval;
  timer_.start(interval, Callback::to<&ServiceReporter::report>(*this));
}

}  // namespace prefork
