// The kernel says that a dead worker had received nothing of what it was sent: where there are no receipts.
#include <doctest/doctest.h>

#include <cstddef>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::seconds;

PoolSettings with_hold(Hold hold, std::size_t workers) {
  PoolSettings settings;
  settings.workers = workers;
  settings.hold = hold;
  return settings;
}

TEST_CASE("FAULTS 210: what a dead worker never received goes to another one, and is not counted") {
  PoolDriver d(with_hold(Hold::kDone, 4));
  d.ready_all();
  const Ticket ticket = d.accept();
  for (int i = 0; i < 3; ++i) {
    d.busy(ticket);
    const WorkerId dead = d.holder(ticket);
    d.handle(event::WorkerExited{.worker = dead, .exit = PoolDriver::kKilled, .received_none = true});
    REQUIRE(d.holder(ticket));
    CHECK(d.holder(ticket) != dead);
    CHECK(d.last<action::ReportDeath>().record.held_unbegun == 1);
  }
  CHECK(d.count<action::Inspect>() == 0);
  CHECK(d.pool.counters().redispatched == 0);
  d.busy(ticket);
  d.idle(ticket);
  CHECK(d.pool.counters().served == 1);
}

TEST_CASE("FAULTS 210: without our copy, or when its client was sent away, it cannot go to another one") {
  for (const auto hold : {Hold::kReceipt, Hold::kDone}) {
    PoolSettings settings = with_hold(hold, 2);
    settings.busy_timeout = seconds(1);
    PoolDriver d(settings);
    d.ready_all();
    const Ticket ticket = d.accept();
    d.busy(ticket);
    const WorkerId dead = d.holder(ticket);
    d.advance(seconds(2));
    d.handle(event::WorkerExited{.worker = dead, .exit = PoolDriver::kKilled, .received_none = true});
    CHECK(d.pool.counters().lost == 1);
    CHECK(d.pool.counters().dispatched == 1);
  }
}

}  // namespace
}  // namespace prefork
