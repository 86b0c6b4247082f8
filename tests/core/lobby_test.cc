// Connections that wait for their clients: new ones that are silent, and parked ones between two requests.
#include <doctest/doctest.h>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using event::ClientSign;
using How = action::End::How;
using std::chrono::milliseconds;
using std::chrono::seconds;

PoolSettings parking(std::size_t workers = 1, std::size_t max = 0) {
  PoolSettings settings;
  settings.workers = workers;
  settings.hold = Hold::kDone;
  settings.keep_alive = PoolSettings::KeepAlive{seconds(60), max};
  return settings;
}

PoolSettings waiting() {
  PoolSettings settings;
  settings.first_byte_timeout = seconds(10);
  return settings;
}

ConnectionState state(const PoolDriver& d, Ticket ticket) { return d.connection(ticket)->state; }

/// A connection that has been answered and parked.
Ticket parked(PoolDriver& d) {
  const Ticket ticket = d.accept();
  d.busy(ticket);
  d.park(ticket);
  return ticket;
}

TEST_CASE("FAULTS 48: a new connection gets a worker when it has sent something, and none before") {
  PoolDriver d(waiting());
  d.ready_all();
  const Ticket ticket = d.accept();
  CHECK(state(d, ticket) == ConnectionState::kSilent);
  CHECK(d.last<action::Watch>().ticket == ticket);
  CHECK(d.count<action::Dispatch>() == 0);
  SUBCASE("it asks") {
    d.advance(seconds(3));
    d.see(ticket, ClientSign::kAsks);
    CHECK(d.holder(ticket));
    CHECK(d.last<action::Dispatch>().waited == Duration::zero());  // being silent is not waiting
  }
  SUBCASE("it leaves") {
    d.see(ticket, ClientSign::kGone);
    CHECK(d.ended(ticket) == How::kClose);
    CHECK(d.pool.counters().left == 1);
  }
  SUBCASE("it was a false alarm") {
    d.forget();
    d.see(ticket, ClientSign::kSilent);
    CHECK(d.last<action::Watch>().ticket == ticket);
  }
  SUBCASE("it says nothing in time, and is looked at before it is ended") {
    d.advance(seconds(10));
    CHECK(d.last<action::Look>().ticket == ticket);
    CHECK_FALSE(d.ended(ticket));
    SUBCASE("really nothing") {
      d.see(ticket, ClientSign::kSilent);
      CHECK(d.ended(ticket) == How::kClose);
      CHECK(d.pool.counters().silent == 1);
    }
    SUBCASE("something came in the last moment") {
      d.see(ticket, ClientSign::kAsks);
      CHECK(d.holder(ticket));
    }
  }
}

TEST_CASE(
    "a parked connection frees its worker, and its next request goes to the worker that is least busy then") {
  PoolDriver d(parking(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId first = d.holder(ticket);
  d.busy(ticket);
  CHECK(d.row(first).load == 1);
  d.park(ticket);
  CHECK(d.row(first).load == 0);
  CHECK(d.row(first).served == 1);
  CHECK(state(d, ticket) == ConnectionState::kParked);
  d.see(ticket, ClientSign::kAsks);
  CHECK(d.holder(ticket));
  CHECK(d.holder(ticket) != first);
  CHECK(d.last<action::Dispatch>().answered);
  d.busy(ticket);
  d.idle(ticket);
  CHECK(d.pool.counters().served == 1);
  CHECK(d.pool.counters().parked == 1);
}

TEST_CASE("a worker that parks without permission breaks the protocol") {
  PoolSettings settings = parking();
  settings.keep_alive.reset();
  PoolDriver d(settings);
  d.ready_all();
  const Ticket ticket = d.accept();
  CHECK_FALSE(d.last<action::Dispatch>().may_park);
  d.busy(ticket);
  d.park(ticket);
  CHECK(d.killed(d.started[0]));
}

TEST_CASE("a worker may still park a connection that it was allowed to park before a reload forbade it") {
  PoolSettings settings = parking();
  PoolDriver d(settings);
  d.ready_all();
  const Ticket ticket = d.accept();
  settings.keep_alive.reset();
  settings.hold = Hold::kReceipt;
  d.handle(event::SettingsChanged{settings});
  d.busy(ticket);
  CHECK(d.count<action::CloseCopy>() == 0);
  d.park(ticket);
  CHECK(state(d, ticket) == ConnectionState::kParked);
  CHECK_FALSE(d.killed(d.started[0]));
}

TEST_CASE(
    "a worker may keep a connection while another is free, and is asked to park it when connections wait") {
  PoolDriver d(parking(2));
  d.ready_all();
  const Ticket first = d.accept();
  CHECK_FALSE(d.last<action::Dispatch>().park_at_once);
  d.busy(first);
  const Ticket second = d.accept();
  CHECK(d.last<action::Dispatch>().park_at_once);
  d.busy(second);
  CHECK(d.count<action::SendYield>() == 0);
  const Ticket third = d.accept();
  CHECK(d.count<action::SendYield>() == 1);
  CHECK(d.last<action::SendYield>().worker == d.holder(first));
  d.accept();
  CHECK(d.count<action::SendYield>() == 1);  // once is enough
  d.park(first);
  CHECK(d.holder(third));
}

TEST_CASE("a parked connection is ended when its client leaves or is silent for too long") {
  PoolDriver d(parking());
  d.ready_all();
  const Ticket ticket = parked(d);
  SUBCASE("it leaves") { d.see(ticket, ClientSign::kGone); }
  SUBCASE("it is silent") {
    d.advance(seconds(60));
    d.see(d.last<action::Look>().ticket, ClientSign::kSilent);
  }
  CHECK(d.ended(ticket) == How::kHangUp);
  CHECK(d.pool.counters().served == 1);
  CHECK(d.pool.connections().size() == 0);
}

TEST_CASE("the connection that is parked the longest makes room for another") {
  PoolDriver d(parking(1, 2));
  d.ready_all();
  const Ticket oldest = parked(d);
  parked(d);
  CHECK(d.count<action::Look>() == 0);
  parked(d);
  CHECK(d.last<action::Look>().ticket == oldest);
  d.see(oldest, ClientSign::kSilent);
  CHECK(d.ended(oldest) == How::kHangUp);
  CHECK(d.pool.counters().evicted == 1);
  CHECK(d.pool.connections().parked() == 2);
}

TEST_CASE(
    "when no descriptor is free, connections that have been silent for a while make room, then parked ones") {
  PoolSettings settings = parking();
  settings.first_byte_timeout = seconds(10);
  PoolDriver d(settings);
  d.ready_all();
  const Ticket idle = d.accept();
  d.see(idle, ClientSign::kAsks);
  d.busy(idle);
  d.park(idle);
  const Ticket silent = d.accept();
  d.advance(seconds(1));
  const Ticket fresh = d.accept();
  d.forget();
  d.handle(event::DescriptorsShort{});
  REQUIRE(d.count<action::Look>() == 3);
  CHECK(std::get<action::Look>(d.actions[0]).ticket == silent);
  CHECK(std::get<action::Look>(d.actions[1]).ticket == idle);
  CHECK(std::get<action::Look>(d.actions[2]).ticket == fresh);
  d.see(silent, ClientSign::kSilent);
  d.see(idle, ClientSign::kAsks);  // needed after all
  CHECK(d.pool.counters().evicted == 1);
}

TEST_CASE("a worker with free slots may keep its connections while a receipt of it is awaited") {
  PoolSettings settings = parking();
  settings.slots = 3;
  PoolDriver d(settings);
  d.most_unreceived = 1;
  d.ready_all(3);
  const Ticket first = d.accept();
  CHECK_FALSE(d.last<action::Dispatch>().park_at_once);
  const Ticket second = d.accept();
  CHECK_FALSE(d.holder(second));  // waits for the receipt only
  CHECK(d.count<action::SendYield>() == 0);
  d.busy(first);
  CHECK(d.holder(second));
  CHECK_FALSE(d.last<action::Dispatch>().park_at_once);
  d.busy(second);
  const Ticket third = d.accept();
  CHECK(d.last<action::Dispatch>().park_at_once);  // its last slot
  d.busy(third);
  d.accept();
  CHECK(d.count<action::SendYield>() == 1);
}

TEST_CASE("an elastic pool keeps no connection with its last idle workers, so none is started for it") {
  PoolSettings settings = parking(4);
  settings.elastic = PoolSettings::Elastic{.min = 2, .spare = 1};
  PoolDriver d(settings);
  d.ready_all();
  d.accept();
  CHECK(d.last<action::Dispatch>().park_at_once);
}

TEST_CASE("FAULTS 46: at a stop a client that asks is served, and the connection of a silent one is closed") {
  PoolSettings settings = parking();
  PoolDriver d(settings);
  d.ready_all();
  const Ticket silent = parked(d);
  const Ticket asking = parked(d);
  const Ticket busy = d.accept();
  d.busy(busy);
  d.handle(event::StopRequested{});
  CHECK(d.count<action::Look>() == 2);
  d.see(silent, ClientSign::kSilent);
  d.see(asking, ClientSign::kAsks);
  CHECK(d.ended(silent) == How::kHangUp);
  d.park(busy);  // no client is waited for any more
  d.see(busy, ClientSign::kSilent);
  CHECK(d.ended(busy) == How::kHangUp);
  d.busy(asking);
  d.idle(asking);
  d.leave_all();
  CHECK(d.last<action::Stopped>().clean());
}

TEST_CASE("FAULTS 49: a client that left while it waited is dropped, and its worker is free for the next") {
  PoolDriver d(waiting());
  const Ticket gone = d.accept();
  const Ticket patient = d.accept();
  d.see(gone, ClientSign::kAsks);
  d.see(patient, ClientSign::kAsks);
  d.advance(milliseconds(5));
  d.ready_all();
  CHECK(d.last<action::Dispatch>().look_first);
  d.handle(event::DispatchFailed{d.holder(gone), gone, event::DispatchFailed::Cause::kClientLeft});
  CHECK(d.ended(gone) == How::kClose);
  CHECK(d.holder(patient));
  CHECK(d.pool.counters().left == 1);
}

TEST_CASE("a connection that comes back on its second request starts counting anew") {
  PoolDriver d(parking(3));
  d.ready_all();
  const Ticket ticket = d.accept();
  for (int request = 0; request < 3; ++request) {
    d.exit(d.holder(ticket), PoolDriver::kKilled);
    d.advance(seconds(5));
    d.ready_all();
    CHECK(d.last<action::Dispatch>().came_back);
    d.busy(ticket);
    d.park(ticket);
    d.see(ticket, ClientSign::kAsks);
    CHECK_FALSE(d.last<action::Dispatch>().came_back);
  }
}

TEST_CASE("after a standstill overdue connections leave in bounded steps at once, not in one step a second") {
  PoolSettings settings = waiting();
  PoolDriver d(settings);
  d.ready_all();
  const int many = 3 * Dispatcher::kExpireAtOnce;
  for (int i = 0; i < many; ++i) d.accept();
  d.now += std::chrono::hours(1);
  d.handle(event::DeadlinePassed{});
  CHECK(d.count<action::Look>() == 0);
  d.now += StandstillGuard::kGrace;
  for (int i = 0; i < 3; ++i) d.handle(event::DeadlinePassed{});
  CHECK(d.count<action::Look>() == static_cast<std::size_t>(many));
}

}  // namespace
}  // namespace prefork
