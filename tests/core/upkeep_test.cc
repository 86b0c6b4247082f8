// The care for workers that work well, without the pool around it.
#include "supervisor/core/upkeep.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <set>

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Health = Upkeep::Health;

constexpr Instant kNow = Instant{} + std::chrono::hours(1);

struct Fixture {
  WorkerRow& add_ready() {
    WorkerRow& row = workers.add(WorkerRole::kWorker, 1, kNow);
    row.ready_at = kNow;
    workers.set_slots(row, 1);
    workers.set_status(row, WorkerStatus::kReady, kNow);
    upkeep.plan_recycling(row);
    return row;
  }
  template <typename A>
  [[nodiscard]] bool did() const {
    return !out.empty() && std::holds_alternative<A>(out.back());
  }
  PoolSettings settings;
  WorkerTable workers;
  Upkeep upkeep{settings, /*seed=*/1};
  Actions out;
};

TEST_CASE("without settings that ask for it no check is planned, and a check does nothing") {
  Fixture f;
  f.upkeep.plan_check(kNow);
  CHECK_FALSE(f.upkeep.next_deadline());
  CHECK_FALSE(f.upkeep.take_due(kNow + seconds(100)));
  CHECK(f.upkeep.check(f.add_ready(), kNow + seconds(100), f.out) == Health::kWell);
  CHECK(f.out.empty());
}

TEST_CASE("checks come as often as the settings need, between 10 ms and one second") {
  Fixture f;
  const auto interval = [&f] {
    f.upkeep.reset();
    f.upkeep.plan_check(kNow);
    return f.upkeep.next_deadline().value_or(kNow) - kNow;
  };
  f.settings.recycle.age = milliseconds(800);
  CHECK(interval() == milliseconds(100));
  f.settings.recycle.age = milliseconds(8);
  CHECK(interval() == milliseconds(10));
  f.settings.recycle.age = std::chrono::hours(1);
  CHECK(interval() == seconds(1));
  f.settings.recycle.age = {};
  f.settings.recycle.rss = 1;
  CHECK(interval() == seconds(1));
  f.settings.ping_interval = seconds(2);
  f.settings.ping_timeout = seconds(1);
  CHECK(interval() == milliseconds(250));
}

TEST_CASE("a check is due once, and a planned one is not put off") {
  Fixture f;
  f.settings.recycle.rss = 1;
  f.upkeep.plan_check(kNow);
  f.upkeep.plan_check(kNow + milliseconds(500));
  CHECK_FALSE(f.upkeep.take_due(kNow + milliseconds(999)));
  CHECK(f.upkeep.take_due(kNow + seconds(1)));
  CHECK_FALSE(f.upkeep.take_due(kNow + seconds(1)));
}

TEST_CASE("a worker is due when it has served its number of connections, and becomes due once") {
  Fixture f;
  f.settings.recycle.connections = 3;
  f.settings.recycle.jitter = 0;
  WorkerRow& row = f.add_ready();
  row.served = 2;
  CHECK_FALSE(f.upkeep.served(row));
  row.served = 3;
  CHECK(f.upkeep.served(row));
  CHECK(row.recycle_due);
  CHECK_FALSE(f.upkeep.served(row));
}

TEST_CASE("with jitter workers have different numbers, none above the limit plus its part") {
  Fixture f;
  f.settings.recycle.connections = 1000;
  f.settings.recycle.jitter = 0.5;
  std::set<std::uint64_t> numbers;
  for (int i = 0; i < 20; ++i) numbers.insert(f.add_ready().recycle_served);
  CHECK(numbers.size() > 10);
  CHECK(*numbers.begin() >= 1000);
  CHECK(*numbers.rbegin() <= 1500);
}

TEST_CASE("a worker is due when it is old enough") {
  Fixture f;
  f.settings.recycle.age = seconds(10);
  f.settings.recycle.jitter = 0;
  WorkerRow& row = f.add_ready();
  (void)f.upkeep.check(row, kNow + milliseconds(9999), f.out);
  CHECK_FALSE(row.recycle_due);
  (void)f.upkeep.check(row, kNow + seconds(10), f.out);
  CHECK(row.recycle_due);
}

TEST_CASE("memory is asked for until the worker is due, and only more than the limit makes it due") {
  Fixture f;
  f.settings.recycle.rss = 1000;
  WorkerRow& row = f.add_ready();
  (void)f.upkeep.check(row, kNow, f.out);
  CHECK(f.did<action::Measure>());
  CHECK_FALSE(f.upkeep.measured(row, 1000));
  CHECK_FALSE(row.recycle_due);
  CHECK(f.upkeep.measured(row, 1001));
  CHECK(row.recycle_due);
  f.out.clear();
  (void)f.upkeep.check(row, kNow, f.out);
  CHECK(f.out.empty());
}

TEST_CASE("an answer to a measurement that the settings no longer ask for changes nothing") {
  Fixture f;
  WorkerRow& row = f.add_ready();
  CHECK_FALSE(f.upkeep.measured(row, UINT64_MAX));
  CHECK_FALSE(row.recycle_due);
}

TEST_CASE("an idle worker is pinged after ping_interval, and is silent when it does not answer in time") {
  Fixture f;
  f.settings.ping_interval = seconds(5);
  f.settings.ping_timeout = seconds(2);
  WorkerRow& row = f.add_ready();
  CHECK(f.upkeep.check(row, kNow + milliseconds(4999), f.out) == Health::kWell);
  CHECK(f.out.empty());
  CHECK(f.upkeep.check(row, kNow + seconds(5), f.out) == Health::kWell);
  CHECK(f.did<action::SendPing>());
  CHECK(f.upkeep.check(row, kNow + milliseconds(6999), f.out) == Health::kWell);
  SUBCASE("no answer") { CHECK(f.upkeep.check(row, kNow + seconds(7), f.out) == Health::kSilent); }
  SUBCASE("an answer starts the interval anew") {
    f.upkeep.ponged(row, kNow + seconds(6));
    CHECK(f.upkeep.check(row, kNow + milliseconds(10'999), f.out) == Health::kWell);
    CHECK(f.out.size() == 1);
    CHECK(f.upkeep.check(row, kNow + seconds(11), f.out) == Health::kWell);
    CHECK(f.out.size() == 2);
  }
}

TEST_CASE("a worker that is busy or stopped is neither pinged nor silent") {
  Fixture f;
  f.settings.ping_interval = seconds(5);
  WorkerRow& row = f.add_ready();
  SUBCASE("busy") { f.workers.reserve(row); }
  SUBCASE("stopped") { f.workers.set_stopped(row, true); }
  CHECK(f.upkeep.check(row, kNow + seconds(100), f.out) == Health::kWell);
  CHECK(f.out.empty());
  row.pinged_at = kNow;
  CHECK(f.upkeep.check(row, kNow + seconds(100), f.out) == Health::kWell);
}

TEST_CASE(
    "no more workers than at_once retire at a time, and only ready ones of the generation that serves") {
  Fixture f;
  f.settings.recycle.at_once = 2;
  for (int i = 0; i < 5; ++i) f.add_ready().recycle_due = true;
  f.workers.for_each([&](WorkerRow& row) {
    if (row.id.slot() == 0) row.generation = 2;
    if (row.id.slot() == 1) f.workers.set_status(row, WorkerStatus::kDraining, kNow);
  });
  const auto retiring = [&f] {
    std::set<std::size_t> slots;
    f.workers.for_each([&](const WorkerRow& row) {
      if (row.retiring) slots.insert(row.id.slot());
    });
    return slots;
  };
  f.upkeep.retire_due(f.workers, 1);
  CHECK(retiring() == std::set<std::size_t>{2, 3});
  f.upkeep.retire_due(f.workers, 1);
  CHECK(retiring() == std::set<std::size_t>{2, 3});
  f.workers.for_each([&](WorkerRow& row) {
    if (row.id.slot() == 2) f.workers.set_status(row, WorkerStatus::kStopping, kNow);
  });
  f.upkeep.retire_due(f.workers, 1);
  CHECK(retiring() == std::set<std::size_t>{2, 3, 4});
}

}  // namespace
}  // namespace prefork
