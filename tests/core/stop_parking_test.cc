// The end of a pool whose workers may park connections: their clients may ask once more.
#include <doctest/doctest.h>

#include <vector>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

PoolSettings pool_of(std::size_t workers) {
  PoolSettings settings;
  settings.probation = {Duration::zero(), 0};
  settings.workers = workers;
  settings.hold = Hold::kDone;
  settings.keep_alive = PoolSettings::KeepAlive{};
  return settings;
}

/// Workers that hold one connection each, all of which may be parked and are not within kParkAtStop.
std::vector<Ticket> kept_until_drain(PoolDriver& d, std::size_t connections) {
  d.ready_all();
  std::vector<Ticket> tickets(connections);
  for (Ticket& ticket : tickets) {
    ticket = d.accept();
    d.busy(ticket);
  }
  d.handle(event::StopRequested{});
  d.advance(StopSequence::kParkAtStop);
  return tickets;
}

TEST_CASE("a worker that does not park what it may is told to leave in time to finish it") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  d.handle(event::StopRequested{});
  CHECK(d.count<action::SendDrain>() == 0);
  d.advance(StopSequence::kParkAtStop);
  CHECK(d.count<action::SendDrain>() == 1);
  d.idle(ticket);
  d.leave_all();
  CHECK(d.last<action::Stopped>().clean());
}

TEST_CASE("FAULTS 524: a client that asks when its worker has parked it instead of leaving is served") {
  PoolDriver d(pool_of(2));
  SUBCASE("by a worker that has nothing to do") {
    const Ticket ticket = kept_until_drain(d, 1)[0];
    const WorkerId left = d.holder(ticket);
    CHECK(d.count<action::SendDrain>() == 1);
    CHECK(d.count_for<action::SendDrain>(left) == 1);
    d.park(ticket);
    d.exit(left);
    d.see(ticket, event::ClientSign::kAsks);
    REQUIRE(d.holder(ticket));
    CHECK(d.started.size() == 2);
    CHECK(d.last<action::Dispatch>().last);
    d.busy(ticket);
    d.idle(ticket);
  }
  SUBCASE("by one that is started for it, when none is left") {
    const std::vector<Ticket> tickets = kept_until_drain(d, 2);
    CHECK(d.count<action::SendDrain>() == 2);
    d.park(tickets[0]);
    d.see(tickets[0], event::ClientSign::kAsks);
    d.advance(std::chrono::milliseconds(100));
    REQUIRE(d.started.size() == 3);  // one, for one connection
    d.idle(tickets[1]);
    CHECK(d.started.size() == 3);
    d.ready(d.started[2]);
    CHECK(d.holder(tickets[0]) == d.started[2]);
    d.busy(tickets[0]);
    d.idle(tickets[0]);
  }
  CHECK(d.pool.counters().served == d.pool.counters().accepted);
  d.leave_all();
  CHECK(d.last<action::Stopped>().clean());
}

TEST_CASE("no worker is started in a stop while no connection waits for one") {
  PoolDriver d(pool_of(2));
  const std::vector<Ticket> tickets = kept_until_drain(d, 2);
  const WorkerId first = d.holder(tickets[0]);
  d.park(tickets[0]);
  d.see(tickets[0], event::ClientSign::kSilent);
  d.exit(first);
  CHECK(d.started.size() == 2);
  SUBCASE("the other one is finished") { d.idle(tickets[1]); }
  SUBCASE("the other one dies") {
    d.exit(d.holder(tickets[1]), PoolDriver::kKilled);
    d.handle(event::Inspected{tickets[1], false});
  }
  d.leave_all();
  CHECK(d.count<action::Stopped>() == 1);
  CHECK(d.started.size() == 2);
}

}  // namespace
}  // namespace prefork
