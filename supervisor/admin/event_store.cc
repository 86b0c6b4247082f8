#include "supervisor/admin/event_store.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace prefork {

EventStore::WallTime EventStore::time_of(const std::string& text, WallTime now) {
  std::tm parts{};
  // As "2026-01-31T12:34:56.789Z".
  if (strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return now;
  return std::min(now, std::chrono::system_clock::from_time_t(timegm(&parts)));
}

void EventStore::add(Event event) {
  last_ = event.seq;
  bytes_ += event.message->size();
  events_.push_back(std::move(event));
  while (events_.size() > kMaxEvents || (bytes_ > kMaxBytes && events_.size() > 1)) drop_oldest();
}

void EventStore::expire(WallTime now) {
  while (!events_.empty() && events_.front().at < now - kKept) drop_oldest();
}

void EventStore::drop_oldest() {
  bytes_ -= events_.front().message->size();
  events_.pop_front();
}

}  // namespace prefork
