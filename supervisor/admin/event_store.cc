#include "supervisor/admin/event_store.h"

#include <utility>

namespace prefork {

void EventStore::add(Event event) {
  last_ = event.seq;
  bytes_ += event.message->size();
  events_.push_back(std::move(event));
  while (events_.size() > kMaxEvents || (bytes_ > kMaxBytes && events_.size() > 1)) drop_oldest();
}

void EventStore::expire(WallTime now) {
  while (!events_.empty() && events_.front().at < now - kKept) drop_oldest();
}

void EventStore::clear() { *this = EventStore(); }

void EventStore::drop_oldest() {
  bytes_ -= events_.front().message->size();
  events_.pop_front();
}

}  // namespace prefork
