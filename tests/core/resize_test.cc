// Another number of workers, while the pool serves.
#include <doctest/doctest.h>

#include <cstddef>
#include <deque>
#include <random>

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

/// Clients come, workers begin and finish what they get, and drained ones exit.
struct Load {
  void step() {
    d.ready_all();
    const Ticket ticket = d.accept();
    if (d.holder(ticket)) {
      d.busy(ticket);
      busy.push_back(ticket);
    }
    if (busy.size() > random() % 32) {
      d.idle(busy.front());
      busy.pop_front();
    }
    for (const WorkerId worker : d.rows()) {
      if (!d.row(worker).live() && d.row(worker).load == 0) d.exit(worker);
    }
    if (d.pool.connections().queued() > 200) d.handle(event::Resized{32});
  }
  [[nodiscard]] std::size_t live() const {
    return d.count_status(WorkerStatus::kReady) + d.count_status(WorkerStatus::kStarting);
  }
  PoolDriver d{pool_of(4)};
  std::minstd_rand random{3};
  std::deque<Ticket> busy;
};

TEST_CASE("FAULTS 61: any sizes under load kill no busy worker and lose no connection") {
  Load load;
  for (int step = 0; step < 800; ++step) {
    if (step % 5 == 0) load.d.handle(event::Resized{load.random() % 33});
    load.step();
    REQUIRE(load.live() == load.d.pool.lifecycle().target());
    load.d.forget();
  }
  const Counters& c = load.d.pool.counters();
  CHECK(c.lost + c.gave_up + c.rejected + c.expired + c.discarded == 0);
  CHECK(c.crashes + c.start_failures == 0);
  CHECK(c.served > 100);
}

TEST_CASE("FAULTS 62: a smaller size while workers start cancels workers that are not ready") {
  PoolDriver d(pool_of(4));
  d.ready(d.started[1]);
  d.handle(event::Resized{1});
  CHECK(d.row(d.started[1]).status == WorkerStatus::kReady);
  for (const std::size_t i : {0U, 2U, 3U}) CHECK(d.terminated(d.started[i]));
  d.ready(d.started[0]);  // sent before the signal came
  CHECK(d.row(d.started[0]).status == WorkerStatus::kStopping);
  CHECK(d.count<action::ReportViolation>() == 0);
  d.leave_all();
  CHECK(d.pool.workers().size() == 1);
  CHECK(d.started.size() == 4);
  CHECK(d.pool.counters().start_failures == 0);
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

TEST_CASE("FAULTS 182: of many missing workers some are started at once, and the next ones a moment later") {
  PoolDriver d(pool_of(200));
  d.ready(d.started.at(0));
  const std::size_t first = d.started.size();
  CHECK(first <= RestartPolicy::kUnprovenAtOnce + Lifecycle::kStartsAtOnce);
  d.ready(d.started.at(1));
  CHECK(d.started.size() == first);
  d.advance(Lifecycle::kBetweenStarts);
  CHECK(d.started.size() == first + Lifecycle::kStartsAtOnce);
  d.advance(5 * Lifecycle::kBetweenStarts);
  CHECK(d.started.size() == 200);
}

}  // namespace
}  // namespace prefork
