#include "supervisor/admin/event_store.h"

#include <doctest/doctest.h>

#include <string>

namespace prefork {
namespace {

using std::chrono::minutes;

EventStore::WallTime at_minute(int minute) { return EventStore::WallTime(minutes(minute)); }

TEST_CASE("events older than 15 minutes are dropped") {
  EventStore store;
  store.add({1, at_minute(0), shared_text("one")});
  store.add({2, at_minute(10), shared_text("two")});
  store.expire(at_minute(15));
  CHECK(store.events().size() == 2);
  store.expire(at_minute(16));
  REQUIRE(store.events().size() == 1);
  CHECK(store.events().front().seq == 2);
}

TEST_CASE("the number and the size of events is limited") {
  EventStore store;
  for (std::uint64_t seq = 1; seq <= 2000; ++seq) store.add({seq, at_minute(0), shared_text("x")});
  CHECK(store.events().size() == EventStore::kMaxEvents);
  CHECK(store.events().back().seq == 2000);
  store.add({2001, at_minute(0), shared_text(std::string(EventStore::kMaxBytes, 'x'))});
  CHECK(store.events().size() == 1);
}

TEST_CASE("a number that is not from this supervisor's life counts as none") {
  EventStore store;
  store.add({7, at_minute(0), shared_text("x")});
  CHECK(store.valid_since(5) == 5);
  CHECK(store.valid_since(8) == 0);
}

TEST_CASE("the time of an event is the supervisor's, and never in the future") {
  const auto now = EventStore::WallTime(std::chrono::seconds(1000));
  CHECK(EventStore::time_of("1970-01-01T00:10:00.250Z", now) == at_minute(10));
  CHECK(EventStore::time_of("1970-01-01T10:00:00.000Z", now) == now);
  CHECK(EventStore::time_of("yesterday", now) == now);
  CHECK(EventStore::time_of("", now) == now);
}

}  // namespace
}  // namespace prefork
