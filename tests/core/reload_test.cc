// Other sizes, other settings, other generations: what changes while the pool serves.
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

TEST_CASE("FAULTS 61: a smaller pool drains its idle workers first, and busy ones finish") {
  PoolDriver d(pool_of(3));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  const WorkerId working = d.holder(ticket);
  d.handle(event::Resized{1});
  CHECK(d.row(working).status == WorkerStatus::kReady);
  CHECK(d.count<action::SendDrain>() == 2);
  d.handle(event::Resized{0});
  CHECK(d.row(working).status == WorkerStatus::kDraining);
  d.leave_all();
  CHECK_FALSE(d.known(working));  // leave_all() ends the drained ones, with what they hold
  CHECK(d.pool.counters().lost == 1);
}

TEST_CASE("FAULTS 61: a busy worker that must leave has stop_timeout to finish, then kill_timeout to exit") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  const WorkerId worker = d.holder(ticket);
  d.handle(event::Resized{0});
  d.advance(d.pool.settings().stop_timeout - seconds(1));
  CHECK_FALSE(d.terminated(worker));
  d.idle(ticket);
  CHECK(d.pool.counters().served == 1);
  d.advance(d.pool.settings().kill_timeout - seconds(1));
  CHECK_FALSE(d.terminated(worker));
  d.advance(seconds(1));
  CHECK(d.terminated(worker));
}

TEST_CASE("FAULTS 61: a pool of none pauses: connections wait, and are served when it grows again") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  d.handle(event::Resized{0});
  d.leave_all();
  CHECK(d.pool.workers().size() == 0);
  const Ticket ticket = d.accept();
  CHECK_FALSE(d.holder(ticket));
  CHECK(d.pool.accepting());
  d.handle(event::Resized{1});
  d.ready_all();
  CHECK(d.holder(ticket));
}

TEST_CASE("FAULTS 61: any sizes under load kill nobody who is busy and lose nothing") {
  PoolDriver d(pool_of(4));
  std::minstd_rand random(3);
  std::vector<Ticket> busy;
  for (int step = 0; step < 3000; ++step) {
    if (step % 5 == 0) d.handle(event::Resized{random() % 33});
    d.ready_all();
    const Ticket ticket = d.accept();
    if (d.holder(ticket)) {
      d.busy(ticket);
      busy.push_back(ticket);
    }
    if (busy.size() > random() % 32) {
      d.idle(busy.front());
      busy.erase(busy.begin());
    }
    for (const WorkerId worker : d.rows()) {
      if (!d.row(worker).live() && d.row(worker).load == 0) d.exit(worker);
    }
    std::size_t live = 0;
    d.pool.workers().for_each([&](const WorkerRow& row) { live += row.live() ? 1U : 0U; });
    REQUIRE(live == d.pool.lifecycle().target());
    if (d.pool.connections().queued() > 200) d.handle(event::Resized{32});
    d.forget();
  }
  const Counters& c = d.pool.counters();
  CHECK(c.lost + c.gave_up + c.rejected + c.expired + c.discarded == 0);
  CHECK(c.crashes + c.start_failures == 0);
  CHECK(c.served > 500);
}

TEST_CASE("FAULTS 62: a smaller size while workers start cancels those that are not ready") {
  PoolDriver d(pool_of(4));
  d.ready(d.started[1]);
  d.handle(event::Resized{1});
  CHECK(d.row(d.started[1]).status == WorkerStatus::kReady);
  for (const std::size_t i : {0U, 2U, 3U}) CHECK(d.terminated(d.started[i]));
  d.ready(d.started[0]);  // crossed with our signal
  CHECK(d.row(d.started[0]).status == WorkerStatus::kStopping);
  CHECK(d.count<action::ReportViolation>() == 0);
  d.leave_all();
  CHECK(d.pool.workers().size() == 1);
  CHECK(d.started.size() == 4);
  CHECK(d.pool.counters().start_failures == 0);
}

TEST_CASE("settings that concern no running worker leave all of them alone") {
  PoolDriver d(pool_of(3));
  d.ready_all();
  PoolSettings settings = pool_of(3);
  settings.prefer = PoolSettings::Prefer::kWarmest;
  settings.queue_max = 7;
  d.forget();
  d.handle(event::SettingsChanged{settings, false});
  CHECK(d.actions.empty());
  CHECK(d.pool.lifecycle().generation() == 1);
}

TEST_CASE("a new size in the settings moves only the difference") {
  PoolDriver d(pool_of(3));
  d.ready_all();
  d.handle(event::SettingsChanged{pool_of(5), false});
  CHECK(d.started.size() == 5);
  CHECK(d.count<action::SendDrain>() == 0);
  d.ready_all();
  d.handle(event::SettingsChanged{pool_of(4), false});
  CHECK(d.count<action::SendDrain>() == 1);
}

TEST_CASE(
    "old workers leave one by one, each when a new one is ready, and there is always the full number to "
    "serve") {
  for (const std::size_t workers : {1U, 2U, 8U, 40U}) {
    PoolDriver d(pool_of(workers));
    d.ready_all();
    d.handle(event::SettingsChanged{pool_of(workers), true});
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

TEST_CASE("a new generation that cannot start leaves the old one in place, and is tried ever more rarely") {
  PoolDriver d(pool_of(4));
  d.ready_all();
  d.handle(event::SettingsChanged{pool_of(4), true});
  const Instant end = d.now + std::chrono::minutes(10);
  std::size_t dead = 4;
  while (d.now < end) {
    while (dead < d.started.size()) d.exit(d.started[dead++], Exit{Exit::Kind::kExited, 1});
    d.advance(std::chrono::milliseconds(50));
  }
  CHECK(of_generation(d, 1, WorkerStatus::kReady) == 4);
  CHECK(d.count<action::SendDrain>() == 0);
  CHECK(d.started.size() < 40);
  d.serve_one();
  d.handle(event::SettingsChanged{pool_of(4), true});  // mended
  for (int i = 0; i < 4; ++i) d.ready_all();
  CHECK(of_generation(d, 3, WorkerStatus::kReady) == 4);
  CHECK(of_generation(d, 1, WorkerStatus::kReady) == 0);
}

TEST_CASE("an old worker that dies while it is being replaced makes room for a new one") {
  PoolDriver d(pool_of(4));
  d.ready_all();
  d.advance(seconds(2));
  d.handle(event::SettingsChanged{pool_of(4), true});
  CHECK(of_generation(d, 2, WorkerStatus::kStarting) == 1);
  d.exit(d.started[0], PoolDriver::kKilled);
  CHECK(of_generation(d, 2, WorkerStatus::kStarting) == 2);
  CHECK(d.pool.lifecycle().failures() == 0);
}

TEST_CASE("FAULTS 40: reloads in a row end in the last settings, each worker in exactly one generation") {
  PoolDriver d(pool_of(4));
  d.ready_all();
  for (int i = 1; i <= 1000; ++i) {
    PoolSettings settings = pool_of(static_cast<std::size_t>(1 + i % 8));
    d.handle(event::SettingsChanged{settings, true});
    std::size_t live = 0;
    d.pool.workers().for_each([&](const WorkerRow& row) { live += row.live() ? 1U : 0U; });
    REQUIRE(live <= 10);
    REQUIRE(d.count_status(WorkerStatus::kReady) >= 1);
    if (i % 3 == 0) d.leave_all();
  }
  d.handle(event::SettingsChanged{pool_of(5), false});
  for (int i = 0; i < 20; ++i) d.ready_all();
  d.leave_all();
  CHECK(d.pool.workers().size() == 5);
  CHECK(of_generation(d, d.pool.lifecycle().generation(), WorkerStatus::kReady) == 5);
  CHECK(d.pool.counters().start_failures + d.pool.counters().crashes == 0);
}

TEST_CASE("FAULTS 40: a reload while workers start replaces those, too") {
  PoolDriver d(pool_of(2));
  d.handle(event::SettingsChanged{pool_of(2), true});
  for (int i = 0; i < 10; ++i) d.ready_all();
  d.leave_all();
  CHECK(d.pool.workers().size() == 2);
  CHECK(of_generation(d, 2, WorkerStatus::kReady) == 2);
}

TEST_CASE("a resize in the middle of a replacement ends in the new size and the new generation") {
  for (const std::size_t size : {0U, 1U, 3U, 4U, 12U}) {
    PoolDriver d(pool_of(4));
    d.ready_all();
    d.handle(event::SettingsChanged{pool_of(4), true});
    d.ready(d.started.back());
    d.handle(event::Resized{size});
    for (int i = 0; i < 20; ++i) d.ready_all();
    d.leave_all();
    CHECK(d.pool.workers().size() == size);
    CHECK(of_generation(d, 2, WorkerStatus::kReady) == size);
  }
}

TEST_CASE("a replacement that comes with a size of zero drains everybody and starts nobody") {
  PoolDriver d(pool_of(3));
  d.ready_all();
  d.handle(event::SettingsChanged{pool_of(0), true});
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
  d.handle(event::SettingsChanged{pool_of(1), true});
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
  fork.start = PoolSettings::Start::kFork;
  PoolDriver d(exec);
  d.ready_all();
  d.handle(event::SettingsChanged{fork, true});
  CHECK(d.last<action::StartWorker>().role == WorkerRole::kTemplate);
  CHECK(of_generation(d, 1, WorkerStatus::kReady) == 2);
  d.ready_all();
  d.leave_all();
  CHECK(of_generation(d, 2, WorkerStatus::kReady) == 2);
  CHECK(d.pool.workers().size() == 3);
  d.handle(event::SettingsChanged{exec, true});
  d.ready_all();
  d.leave_all();
  CHECK(of_generation(d, 3, WorkerStatus::kReady) == 2);
  CHECK(d.pool.workers().size() == 2);
  CHECK(d.pool.counters().start_failures + d.pool.counters().crashes == 0);
}

TEST_CASE("a replaced template gives way to the new one, and new workers come from the new one") {
  PoolSettings fork = pool_of(2);
  fork.start = PoolSettings::Start::kFork;
  PoolDriver d(fork);
  d.ready_all();
  d.handle(event::SettingsChanged{fork, true});
  const WorkerId young = d.started.back();
  CHECK(d.row(young).role == WorkerRole::kTemplate);
  d.ready(young, 0);
  CHECK(d.last<action::StartWorker>().from == young);
  d.ready_all();
  d.leave_all();
  CHECK(d.pool.workers().size() == 3);
}

TEST_CASE("what is remembered of the dead does not grow with their number") {
  PoolDriver d(pool_of(2));
  for (int i = 0; i < 2000; ++i) {
    d.ready_all();
    if (i % 7 == 0) d.handle(event::Resized{static_cast<std::size_t>(i % 3)});
    for (const WorkerId worker : d.rows()) d.exit(worker, PoolDriver::kKilled);
    d.advance(seconds(40));
    d.forget();
    if (d.started.size() > 100) d.started.erase(d.started.begin(), d.started.end() - 50);
  }
  d.handle(event::Resized{64});
  d.advance(seconds(40));
  d.ready_all();
  d.advance(seconds(2));
  d.ready_all();
  std::size_t with_history = 0;
  d.pool.workers().for_each(
      [&](const WorkerRow& row) { with_history += row.lineage.restarts > 0 ? 1U : 0U; });
  CHECK(d.count_status(WorkerStatus::kReady) == 64);
  CHECK(with_history <= 4);
}

}  // namespace
}  // namespace prefork
