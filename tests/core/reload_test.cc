// Other settings and other generations: what changes while the pool serves.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::seconds;

PoolSettings pool_of(std::size_t workers) {
  PoolSettings settings;
  settings.probation = {Duration::zero(), 0};
  settings.workers = workers;
  return settings;
}

std::size_t of_generation(const PoolDriver& d, Generation generation, WorkerStatus status) {
  std::size_t count = 0;
  d.pool.workers().for_each([&](const WorkerRow& row) {
    if (row.role == WorkerRole::kWorker && row.generation == generation && row.status == status) ++count;
  });
  return count;
}

TEST_CASE("settings that concern no running worker leave all of them alone") {
  PoolDriver d(pool_of(3));
  d.ready_all();
  PoolSettings settings = pool_of(3);
  settings.prefer = Prefer::kWarmest;
  settings.queue_max = 7;
  d.forget();
  d.handle(event::SettingsChanged{settings});
  CHECK(d.actions.empty());
  CHECK(d.pool.lifecycle().rollout().generation() == 1);
}

TEST_CASE("a new size in the settings moves only the difference") {
  PoolDriver d(pool_of(3));
  d.ready_all();
  d.handle(event::SettingsChanged{pool_of(5)});
  CHECK(d.started.size() == 5);
  CHECK(d.count<action::SendDrain>() == 0);
  d.ready_all();
  d.handle(event::SettingsChanged{pool_of(4)});
  CHECK(d.count<action::SendDrain>() == 1);
}

TEST_CASE(
    "old workers leave one by one, each when a new one is ready, and there is always the full number to "
    "serve") {
  for (const std::size_t workers : {1U, 2U, 8U, 40U}) {
    PoolDriver d(pool_of(workers));
    d.ready_groups();
    d.handle(event::SettingsChanged{pool_of(workers), event::SettingsChanged::Workers::kReplaced});
    for (int steps = 0; of_generation(d, 2, WorkerStatus::kReady) < workers; ++steps) {
      REQUIRE(steps < 1000);
      CHECK(d.count_status(WorkerStatus::kReady) >= workers);
      CHECK(d.count_status(WorkerStatus::kReady) + d.count_status(WorkerStatus::kStarting) <=
            workers + std::max<std::size_t>(1, workers / 4));
      const auto starting = std::find_if(d.started.begin(), d.started.end(), [&](WorkerId worker) {
        return d.known(worker) && d.row(worker).status == WorkerStatus::kStarting;
      });
      REQUIRE(starting != d.started.end());
      d.ready(*starting);
    }
    d.leave_all();
    CHECK(d.pool.workers().size() == workers);
    CHECK(of_generation(d, 1, WorkerStatus::kReady) == 0);
  }
}

TEST_CASE(
    "a new generation that cannot start leaves the old one in place and is tried once for each reload") {
  PoolDriver d(pool_of(4));
  d.ready_all();
  d.handle(event::SettingsChanged{pool_of(4), event::SettingsChanged::Workers::kReplaced});
  const Instant end = d.now + std::chrono::minutes(10);
  std::size_t dead = 4;
  while (d.now < end) {
    while (dead < d.started.size()) d.exit(d.started[dead++], Exit{Exit::Kind::kExited, 1});
    d.advance(std::chrono::milliseconds(50));
  }
  CHECK(of_generation(d, 1, WorkerStatus::kReady) == 4);
  CHECK(d.count<action::SendDrain>() == 0);
  CHECK(d.started.size() == 5);
  d.serve_one();
  d.handle(event::SettingsChanged{pool_of(4), event::SettingsChanged::Workers::kReplaced});  // mended
  for (int i = 0; i < 4; ++i) d.ready_all();
  CHECK(of_generation(d, 3, WorkerStatus::kReady) == 4);
  CHECK(of_generation(d, 1, WorkerStatus::kReady) == 0);
}

TEST_CASE("back to the settings of the workers that serve: the trial ends, and nothing is replaced") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  d.handle(event::SettingsChanged{pool_of(2), event::SettingsChanged::Workers::kReplaced});
  REQUIRE(d.pool.lifecycle().rollout().trial());
  const WorkerId candidate = d.started.back();
  d.handle(event::SettingsChanged{pool_of(2), event::SettingsChanged::Workers::kTrialEnds});
  CHECK_FALSE(d.pool.lifecycle().rollout().trial());
  CHECK(d.terminated(candidate));
  d.exit(candidate);
  CHECK(d.last<action::ReportRollout>().stage == action::ReportRollout::Stage::kAbandoned);
  CHECK(d.pool.lifecycle().rollout().generation() == 1);
  CHECK(of_generation(d, 1, WorkerStatus::kReady) == 2);
  CHECK(d.started.size() == 3);
}

TEST_CASE("that all workers are ready is told once for each generation, a larger size, and after a crash") {
  PoolDriver d(pool_of(2));
  d.ready(d.started[0]);
  CHECK(d.count<action::ReportAllReady>() == 0);
  d.ready(d.started[1]);
  CHECK(d.count<action::ReportAllReady>() == 1);
  CHECK(d.last<action::ReportAllReady>().workers == 2);
  d.advance(seconds(2));
  d.exit(d.started[0], PoolDriver::kKilled);
  d.ready_all();
  CHECK(d.count_status(WorkerStatus::kReady) == 2);
  CHECK(d.count<action::ReportAllReady>() == 2);
  d.handle(event::Resized{3});
  d.ready_all();
  CHECK(d.count<action::ReportAllReady>() == 3);
  d.handle(event::Resized{1});
  d.leave_all();
  CHECK(d.count<action::ReportAllReady>() == 3);
  d.handle(event::SettingsChanged{pool_of(1), event::SettingsChanged::Workers::kReplaced});
  d.ready_all();
  CHECK(d.count<action::ReportAllReady>() == 4);
}

TEST_CASE("an old worker that dies while it is being replaced makes room for a new one") {
  PoolDriver d(pool_of(4));
  d.ready_all();
  d.advance(seconds(2));
  d.handle(event::SettingsChanged{pool_of(4), event::SettingsChanged::Workers::kReplaced});
  d.ready(d.started.back());
  CHECK(of_generation(d, 2, WorkerStatus::kStarting) == 1);
  const WorkerId left = *std::find_if(d.started.begin(), d.started.end(),
                                      [&](WorkerId worker) { return d.row(worker).live(); });
  d.exit(left, PoolDriver::kKilled);
  CHECK(of_generation(d, 2, WorkerStatus::kStarting) == 2);
  CHECK(d.pool.lifecycle().failures() == 0);
}

TEST_CASE("FAULTS 40: reloads in a row end in the last settings, each worker in exactly one generation") {
  PoolDriver d(pool_of(4));
  d.ready_all();
  for (int i = 1; i <= 1000; ++i) {
    PoolSettings settings = pool_of(static_cast<std::size_t>(1 + i % 8));
    d.handle(event::SettingsChanged{settings, event::SettingsChanged::Workers::kReplaced});
    std::size_t live = 0;
    d.pool.workers().for_each([&](const WorkerRow& row) { live += row.live() ? 1U : 0U; });
    REQUIRE(live <= 10);
    REQUIRE(d.count_status(WorkerStatus::kReady) >= 1);
    if (i % 3 == 0) d.leave_all();
  }
  d.handle(event::SettingsChanged{pool_of(5)});
  for (int i = 0; i < 20; ++i) d.ready_all();
  d.leave_all();
  CHECK(d.pool.workers().size() == 5);
  CHECK(of_generation(d, d.pool.lifecycle().rollout().generation(), WorkerStatus::kReady) == 5);
  CHECK(d.pool.counters().start_failures + d.pool.counters().crashes == 0);
}

TEST_CASE("FAULTS 40: a reload while workers start replaces these, too") {
  PoolDriver d(pool_of(2));
  d.handle(event::SettingsChanged{pool_of(2), event::SettingsChanged::Workers::kReplaced});
  for (int i = 0; i < 10; ++i) d.ready_all();
  d.leave_all();
  CHECK(d.pool.workers().size() == 2);
  CHECK(of_generation(d, 2, WorkerStatus::kReady) == 2);
}

TEST_CASE("a resize in the middle of a replacement ends in the new size and the new generation") {
  for (const std::size_t size : {0U, 1U, 3U, 4U, 12U}) {
    PoolDriver d(pool_of(4));
    d.ready_all();
    d.handle(event::SettingsChanged{pool_of(4), event::SettingsChanged::Workers::kReplaced});
    d.ready(d.started.back());
    d.handle(event::Resized{size});
    for (int i = 0; i < 20; ++i) d.ready_all();
    d.leave_all();
    CHECK(d.pool.workers().size() == size);
    CHECK(of_generation(d, 2, WorkerStatus::kReady) == size);
  }
}

TEST_CASE("a replacement that comes with a size of zero drains all workers and starts none") {
  PoolDriver d(pool_of(3));
  d.ready_all();
  d.handle(event::SettingsChanged{pool_of(0), event::SettingsChanged::Workers::kReplaced});
  CHECK(d.count<action::SendDrain>() == 3);
  CHECK(d.started.size() == 3);
  d.leave_all();
  CHECK(d.pool.workers().size() == 0);
}

TEST_CASE("a worker that drains when a replacement comes is not replaced twice") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  const Ticket other = d.accept();
  d.busy(other);
  d.handle(event::Resized{1});
  d.handle(event::SettingsChanged{pool_of(1), event::SettingsChanged::Workers::kReplaced});
  d.ready_all();
  CHECK(d.count<action::SendDrain>() == 2);
  d.idle(ticket);
  d.idle(other);
  d.leave_all();
  CHECK(d.pool.workers().size() == 1);
  CHECK(d.pool.counters().served == 2);
}

TEST_CASE("from exec to fork and back: workers are replaced, and the template comes and goes") {
  PoolSettings exec = pool_of(2);
  PoolSettings fork = exec;
  fork.start = StartForm::kFork;
  PoolDriver d(exec);
  d.ready_all();
  d.handle(event::SettingsChanged{fork, event::SettingsChanged::Workers::kReplaced});
  CHECK(d.last<action::StartWorker>().role == WorkerRole::kTemplate);
  CHECK(of_generation(d, 1, WorkerStatus::kReady) == 2);
  d.ready_all();
  d.leave_all();
  CHECK(of_generation(d, 2, WorkerStatus::kReady) == 2);
  CHECK(d.pool.workers().size() == 3);
  d.handle(event::SettingsChanged{exec, event::SettingsChanged::Workers::kReplaced});
  d.ready_all();
  d.leave_all();
  CHECK(of_generation(d, 3, WorkerStatus::kReady) == 2);
  CHECK(d.pool.workers().size() == 2);
  CHECK(d.pool.counters().start_failures + d.pool.counters().crashes == 0);
}

TEST_CASE("a replaced template gives way to the new one, and new workers come from the new one") {
  PoolSettings fork = pool_of(2);
  fork.start = StartForm::kFork;
  PoolDriver d(fork);
  d.ready_all();
  d.handle(event::SettingsChanged{fork, event::SettingsChanged::Workers::kReplaced});
  const WorkerId young = d.started.back();
  CHECK(d.row(young).role == WorkerRole::kTemplate);
  d.ready(young, 0);
  CHECK(d.last<action::StartWorker>().from == young);
  d.ready_all();
  d.leave_all();
  CHECK(d.pool.workers().size() == 3);
}

}  // namespace
}  // namespace prefork
