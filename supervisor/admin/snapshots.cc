#include "supervisor/admin/snapshots.h"

#include <algorithm>
#include <utility>

namespace prefork {

void Snapshots::ask(AdminClock::duration fresh, OnSnapshot on_snapshot) {
  const AdminClock::time_point now = AdminClock::now();
  if (last_ && now - last_->at < fresh) return on_snapshot(last_);
  waiting_.push_back({std::max(now + kPatience, first_until_), std::move(on_snapshot)});
  if (!under_way_) request();
  if (!waiting_.empty()) watch_patience();
}

void Snapshots::request() {
  under_way_ = true;
  const Json parameters = workers_ ? Json::object() : Json{{"workers", false}};
  link_.call("status", parameters, [this](const Reply& reply) { answered(reply); });
}

void Snapshots::answered(const Reply& reply) {
  under_way_ = false;
  if (reply.error.empty() && reply.result.is_object()) {
    last_ = std::make_shared<const Snapshot>(
        Snapshot{AdminClock::now(), reply.result, shared_text(line_of(reply.result))});
  }
  const SharedSnapshot known = reply.error.empty() ? last_ : nullptr;
  for (const Waiting& one : std::exchange(waiting_, {})) one.on_snapshot(known ? known : last_known());
}

void Snapshots::watch_patience() {
  if (std::exchange(watching_, true)) return;
  timer_.expires_at(waiting_.front().until);
  timer_.async_wait([this](boost::system::error_code error) {
    watching_ = false;
    if (!error) give_up();
  });
}

void Snapshots::give_up() {
  const AdminClock::time_point now = AdminClock::now();
  while (!waiting_.empty() && waiting_.front().until <= now) {
    const Waiting one = std::move(waiting_.front());
    waiting_.pop_front();
    one.on_snapshot(last_known());
  }
  if (!waiting_.empty()) watch_patience();
}

SharedSnapshot Snapshots::last_known() const {
  return last_ && AdminClock::now() - last_->at <= kStale ? last_ : nullptr;
}

}  // namespace prefork
