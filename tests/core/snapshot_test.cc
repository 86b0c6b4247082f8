// Snapshots: each member is listed, everything comes back, and an error names what does not fit.
#include <doctest/doctest.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/counters.h"
#include "supervisor/core/pool.h"
#include "supervisor/core/snapshot_reader.h"
#include "supervisor/core/snapshot_writer.h"
#include "tests/core/members.h"
#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

struct Sample {
  std::uint64_t large = 0;
  std::optional<Duration> duration;
  std::vector<std::string> texts;
  double real = 0;
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("large", self.large), visit("duration", self.duration), visit("texts", self.texts);
    visit("real", self.real);
  }
};

struct OlderSample {
  std::uint64_t large = 0;
  bool new_member = true;
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("new_member", self.new_member), visit("large", self.large);
  }
};

TEST_CASE("each member of the structures that are carried over is listed") {
  CHECK(listed_of<WorkerRow>() == members_of<WorkerRow>());
  CHECK(listed_of<ConnectionRow>() == members_of<ConnectionRow>());
  CHECK(listed_of<DeathRecord>() == members_of<DeathRecord>());
  CHECK(listed_of<Lineage>() == members_of<Lineage>());
  CHECK(listed_of<Exit>() == members_of<Exit>());
  CHECK(listed_of<Counts>() == members_of<Counts>());
  CHECK(listed_of<Counters>() == members_of<Counts>() + 2);
  CHECK(listed_of<RolloutCounts>() == members_of<RolloutCounts>());
  CHECK(listed_of<DeathCounts>() == kDeathCauses);
}

TEST_CASE("values of all kinds come back as they were") {
  const Sample sample{
      std::numeric_limits<std::uint64_t>::max(), Duration(-7), {"", std::string(1, '\0')}, 0.1};
  Sample copy;
  CHECK(from_snapshot(to_snapshot(sample), copy).empty());
  CHECK(copy.large == sample.large);
  CHECK(copy.duration == sample.duration);
  CHECK(copy.texts == sample.texts);
  CHECK(copy.real == sample.real);
}

TEST_CASE(
    "a member that the other version does not have keeps its value, and one that it has more is passed "
    "over") {
  OlderSample older;
  CHECK(from_snapshot(to_snapshot(Sample{5, {}, {}, 0}), older).empty());
  CHECK(older.large == 5);
  CHECK(older.new_member);
}

struct Numbers {
  int first = 1, second = 2, third = 3;
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("first", self.first), visit("second", self.second), visit("third", self.third);
  }
};

struct OtherNumbers {
  int third = 30, fourth = 40, first = 10;
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("third", self.third), visit("fourth", self.fourth), visit("first", self.first);
  }
};

TEST_CASE("the rows of a table are read by name, too, in whatever order the other version lists them") {
  std::vector<OtherNumbers> other{{}};
  CHECK(from_snapshot(to_snapshot(std::vector<Numbers>{{5, 6, 7}, {8, 9, 10}}), other).empty());
  REQUIRE(other.size() == 2);
  CHECK(other[0].third == 7);
  CHECK(other[0].fourth == 40);
  CHECK(other[0].first == 5);
  CHECK(other[1].third == 10);
  CHECK(other[1].first == 8);
  std::vector<Numbers> none{{}};
  CHECK(from_snapshot(to_snapshot(std::vector<Numbers>()), none).empty());
  CHECK(none.empty());
}

TEST_CASE("a row with more or fewer members than the table has columns is refused") {
  Snapshot wrong;
  CborWriter writer(wrong.cbor);
  writer.list(2);
  writer.list(1);
  writer.text("first");
  writer.list(2);
  writer.integer(1);
  writer.integer(2);
  std::vector<Numbers> numbers;
  CHECK(from_snapshot(wrong, numbers) == "[0]: a row of the table is expected");
}

TEST_CASE("what does not fit its type is named") {
  Snapshot wrong;
  CborWriter writer(wrong.cbor);
  writer.begin_map();
  writer.text("texts");
  writer.list(2);
  writer.text("a");
  writer.real(1.5);
  writer.end_map();
  Sample copy;
  CHECK(from_snapshot(wrong, copy) == "texts[1]: a text is expected");
}

TEST_CASE("a pool with queued, dispatched and begun connections goes on as a copy of itself") {
  PoolSettings settings;
  settings.workers = settings.slots = 2;
  PoolDriver driver(settings);
  driver.ready_all(2);
  const Ticket begun = driver.accept();
  driver.busy(begun);
  const Ticket dispatched = driver.accept();
  for (int i = 0; i < 5; ++i) (void)driver.accept();
  Pool copy(driver.pool.settings(), 99, driver.now);
  REQUIRE(copy.restore(driver.pool.snapshot()).empty());
  CHECK(copy.snapshot() == driver.pool.snapshot());
  CHECK(copy.connections().queued() == 3);
  CHECK(copy.connections().find(begun)->state == ConnectionState::kBusy);
  CHECK(copy.connections().find(dispatched)->worker == driver.holder(dispatched));
  Actions actions;
  copy.handle(event::WorkerIdle{driver.holder(begun), begun}, driver.now, actions);
  CHECK(copy.counters().served == 1);
  CHECK(copy.connections().queued() == 2);
}

/// The state of a pool without some members, as an earlier version writes it.
struct OlderCounters {
  Counts counts;
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("starts", self.counts.starts), visit("crashes", self.counts.crashes);
  }
};

TEST_CASE("FAULTS 427: counters of an earlier version are adopted; what it has not counted begins at zero") {
  OlderCounters older;
  older.counts.starts = 9;
  older.counts.crashes = 5;
  Counters counters;
  REQUIRE(from_snapshot(to_snapshot(older), counters).empty());
  CHECK(counters.starts == 9);
  CHECK(counters.deaths.total() == 0);
}

TEST_CASE("FAULTS 553: a worker that an earlier version gave one connection at a time gets one at a time") {
  PoolSettings settings;
  settings.workers = 1;
  settings.slots = 4;
  PoolDriver driver(settings);
  driver.ready_all(4);
  const Ticket sent = driver.accept();
  const WorkerId worker = driver.holder(sent);
  const_cast<WorkerRow&>(driver.row(worker)).one_unreceived = true;  // what an earlier version writes
  Pool copy(settings, 99, driver.now);
  REQUIRE(copy.restore(driver.pool.snapshot()).empty());
  Actions done;
  const Ticket later = Ticket::make(2, sent.slot() + 1);
  copy.handle(event::Accepted{later, 0, kNoAddress}, driver.now, done);
  CHECK_FALSE(copy.connections().find(later)->worker);
  copy.handle(event::WorkerBusy{worker, sent}, driver.now, done);
  CHECK(copy.connections().find(later)->worker == worker);
  CHECK(copy.broken_invariant() == nullptr);
}

TEST_CASE("FAULTS 427: deaths and rollouts are carried over") {
  PoolSettings settings;
  settings.workers = 2;
  PoolDriver driver(settings);
  driver.ready_all();
  (void)driver.serve_one();
  driver.exit(driver.started.front(), PoolDriver::kKilled);
  Pool copy(driver.pool.settings(), 99, driver.now);
  REQUIRE(copy.restore(driver.pool.snapshot()).empty());
  CHECK(copy.counters().deaths.of(DeathCause::kSignaled) == 1);
  CHECK(copy.counters().deaths.total() == 1);
  CHECK(copy.lifecycle().rollout().counts().took_over == 1);
  CHECK(copy.counters().busy_times.total().count() == 1);
}

}  // namespace
}  // namespace prefork
