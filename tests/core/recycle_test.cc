// Workers that work well and are replaced for their age, size or number of connections.
#include <doctest/doctest.h>

#include <cstddef>
#include <set>
#include <variant>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::seconds;

PoolSettings pool_of(std::size_t workers) {
  PoolSettings settings;
  settings.workers = workers;
  settings.recycle.jitter = 0;
  return settings;
}

TEST_CASE("a worker that has served enough leaves when its successor is ready, and no sooner") {
  PoolSettings settings = pool_of(2);
  settings.recycle.connections = 3;
  PoolDriver d(settings);
  d.ready_all();
  for (int i = 0; i < 5; ++i) d.serve_one();  // one has served three, the other two
  CHECK(d.started.size() == 3);
  CHECK(d.count<action::SendDrain>() == 0);
  CHECK(d.count_status(WorkerStatus::kReady) == 2);
  d.ready(d.started[2]);
  REQUIRE(d.count<action::SendDrain>() == 1);
  const WorkerId old = d.last<action::SendDrain>().worker;
  CHECK(d.row(old).served == 3);
  d.exit(old);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kRecycle);
  CHECK_FALSE(d.last<action::ReportDeath>().record.is_failure());
  CHECK(d.pool.counters().crashes == 0);
  CHECK(d.pool.workers().size() == 2);
}

TEST_CASE("a reload that limits connections or age applies to workers that serve already") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  for (int i = 0; i < 3; ++i) d.serve_one();
  d.advance(seconds(60));
  PoolSettings recycling = pool_of(1);
  SUBCASE("by their connections") { recycling.recycle.connections = 3; }
  SUBCASE("by their age") { recycling.recycle.age = seconds(50); }
  d.handle(event::SettingsChanged{recycling});
  d.advance(seconds(10));
  CHECK(d.started.size() == 2);
}

TEST_CASE("a reload that takes the limits away spares workers that had come near them") {
  PoolSettings settings = pool_of(1);
  settings.recycle.connections = 3;
  settings.recycle.age = seconds(100);
  PoolDriver d(settings);
  d.ready_all();
  for (int i = 0; i < 2; ++i) d.serve_one();
  d.advance(seconds(60));
  d.handle(event::SettingsChanged{pool_of(1)});
  for (int i = 0; i < 5; ++i) d.serve_one();
  d.advance(seconds(60));
  CHECK(d.started.size() == 1);
}

TEST_CASE("a worker whose successor cannot start goes on serving") {
  PoolSettings settings = pool_of(1);
  settings.recycle.connections = 1;
  PoolDriver d(settings);
  d.ready_all();
  const WorkerId old = d.serve_one();
  for (int i = 0; i < 5; ++i) {
    d.exit(d.started.back(), Exit{Exit::Kind::kExited, 1});
    CHECK(d.serve_one() == old);
    d.advance(seconds(10));
  }
  CHECK(d.count<action::SendDrain>() == 0);
}

TEST_CASE("at most at_once workers are being replaced at a time") {
  PoolSettings settings = pool_of(6);
  settings.recycle.age = seconds(100);
  settings.recycle.at_once = 2;
  PoolDriver d(settings);
  d.ready_all();
  d.advance(seconds(99));
  CHECK(d.started.size() == 6);
  d.advance(seconds(10));
  CHECK(d.started.size() == 8);
  for (int i = 0; i < 10; ++i) {
    d.ready_all();
    d.leave_all();
    CHECK(d.pool.workers().size() <= 8);
  }
  CHECK(d.started.size() == 12);
  CHECK(d.count_status(WorkerStatus::kReady) == 6);
}

TEST_CASE("with jitter not all workers are due at the same time") {
  PoolSettings settings = pool_of(8);
  settings.recycle.age = seconds(100);
  settings.recycle.jitter = 0.5;
  settings.recycle.at_once = 8;
  PoolDriver d(settings);
  d.ready_all();
  d.advance(seconds(100));
  CHECK(d.started.size() == 8);
  d.advance(seconds(25));
  CHECK(d.started.size() > 8);
  CHECK(d.started.size() < 16);
  d.advance(seconds(27));
  CHECK(d.started.size() == 16);
}

TEST_CASE("a worker that has grown too large is replaced") {
  PoolSettings settings = pool_of(2);
  settings.recycle.rss = 1000;
  PoolDriver d(settings);
  d.ready_all();
  d.advance(seconds(1));
  CHECK(d.count<action::Measure>() == 2);
  d.handle(event::WorkerMeasured{d.started[0], 1000});
  CHECK(d.started.size() == 2);
  d.handle(event::WorkerMeasured{d.started[0], 1001});
  CHECK(d.started.size() == 3);
  d.ready_all();
  CHECK(d.count_for<action::SendDrain>(d.started[0]) == 1);
}

TEST_CASE("without recycle no worker is checked") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  d.advance(seconds(1));
  d.forget();
  d.advance(std::chrono::hours(24));
  CHECK(d.actions.empty());
}

TEST_CASE("FAULTS 131: hundreds of workers are measured a few at a time, and each of them in turn") {
  PoolSettings settings = pool_of(3 * Upkeep::kChecksAtOnce + 1);
  settings.recycle.rss = 1;
  PoolDriver d(settings);
  Instant check = d.now + seconds(1);
  d.ready_groups();
  for (int round = 0; round < 2; ++round) {
    std::set<WorkerId> measured;
    d.forget();
    d.advance(check - d.now);
    for (const std::size_t expected :
         {Upkeep::kChecksAtOnce, Upkeep::kChecksAtOnce, Upkeep::kChecksAtOnce, std::size_t{1}}) {
      CHECK(d.count<action::Measure>() == expected);
      for (const Action& action : d.actions) {
        if (const auto* measure = std::get_if<action::Measure>(&action)) measured.insert(measure->worker);
      }
      d.forget();
      if (expected > 1) d.advance(Upkeep::kBetweenParts);
    }
    CHECK(measured.size() == settings.workers);
    check = d.now + seconds(1);
  }
}

}  // namespace
}  // namespace prefork
