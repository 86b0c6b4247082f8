// The queue has a limit, and each connection in it has a timeout.
#include <doctest/doctest.h>

#include <vector>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using How = action::End::How;
using std::chrono::milliseconds;
using std::chrono::seconds;

PoolSettings queue_of(std::size_t max, QueueFull full) {
  PoolSettings settings;
  settings.workers = 1;
  settings.queue_max = max;
  settings.full = full;
  return settings;
}

TEST_CASE("FAULTS 47: an address has as many connections as it may have at a time, and another address too") {
  PoolSettings settings = queue_of(100, QueueFull::kWait);
  settings.per_address = 2;
  PoolDriver d(settings);
  d.ready_all();
  constexpr ClientAddress kGreedy = 1;
  const Ticket first = d.accept(kGreedy);
  d.accept(kGreedy);
  CHECK(d.ended(d.accept(kGreedy)) == How::kReject);
  CHECK_FALSE(d.ended(d.accept(2)));
  CHECK_FALSE(d.ended(d.accept()));  // over a unix socket
  d.busy(first);
  d.idle(first);
  CHECK_FALSE(d.ended(d.accept(kGreedy)));
  CHECK(d.pool.counters().rejected == 1);
}

TEST_CASE(
    "FAULTS 108: half_closed decides whether a client that has ended its side is served, from a reload on") {
  PoolSettings settings = queue_of(1, QueueFull::kWait);
  PoolDriver d(settings);
  d.ready_all();
  d.serve_one();
  CHECK_FALSE(d.last<action::Dispatch>().serve_ended);
  settings.half_closed = HalfClosed::kServe;
  d.handle(event::SettingsChanged{settings});
  d.serve_one();
  CHECK(d.last<action::Dispatch>().serve_ended);
}

TEST_CASE("a pool accepts from its first event on") {
  PoolDriver d(queue_of(2, QueueFull::kWait));
  CHECK(d.last<action::SetAccepting>().accepting);
}

TEST_CASE("a full queue stops accepting, and room in it starts it again") {
  PoolDriver d(queue_of(2, QueueFull::kWait));
  d.accept();
  CHECK(d.pool.accepting());
  d.accept();
  CHECK_FALSE(d.pool.accepting());
  CHECK_FALSE(d.last<action::SetAccepting>().accepting);
  d.ready_all();
  CHECK(d.last<action::SetAccepting>().accepting);
  CHECK(d.pool.connections().queued() == 1);
}

TEST_CASE("a connection that was accepted before accepting stopped is not turned away") {
  PoolDriver d(queue_of(1, QueueFull::kWait));
  for (int i = 0; i < 5; ++i) d.accept();
  CHECK(d.count<action::End>() == 0);
  CHECK(d.pool.connections().queued() == 5);
  CHECK(d.pool.counters().queue_high == 5);
}

TEST_CASE("a pool that rejects goes on accepting and turns away connections without room") {
  PoolDriver d(queue_of(2, QueueFull::kReject));
  d.accept();
  d.accept();
  const Ticket third = d.accept();
  CHECK(d.pool.accepting());
  CHECK(d.ended(third) == How::kReject);
  CHECK(d.pool.counters().rejected == 1);
}

TEST_CASE(
    "a connection that has waited for the queue's timeout is turned away, and later ones in their turn") {
  PoolDriver d(queue_of(100, QueueFull::kWait));
  const Ticket first = d.accept();
  d.advance(seconds(1));
  const Ticket second = d.accept();
  d.advance(d.pool.settings().queue_timeout - seconds(1) - milliseconds(1));
  CHECK_FALSE(d.ended(first));
  d.advance(milliseconds(1));
  CHECK(d.ended(first) == How::kReject);
  CHECK_FALSE(d.ended(second));
  d.advance(seconds(1));
  CHECK(d.ended(second) == How::kReject);
  CHECK(d.pool.counters().expired == 2);
}

TEST_CASE("a connection that comes back is served before those in the queue, and its timeout starts anew") {
  PoolDriver d(queue_of(100, QueueFull::kWait));
  d.ready_all();
  const Ticket first = d.accept();
  const Ticket second = d.accept();
  d.advance(seconds(5));
  d.exit(d.started[0], PoolDriver::kKilled);
  d.ready_all();
  CHECK(d.holder(first));
  CHECK_FALSE(d.holder(second));
}

TEST_CASE("a limit that is lowered below the queue's length turns no connection away") {
  PoolDriver d(queue_of(100, QueueFull::kWait));
  for (int i = 0; i < 10; ++i) d.accept();
  PoolSettings fewer = d.pool.settings();
  fewer.queue_max = 3;
  d.handle(event::SettingsChanged{fewer});
  CHECK_FALSE(d.pool.accepting());
  CHECK(d.pool.connections().queued() == 10);
  CHECK(d.count<action::End>() == 0);
  d.ready_all();
  for (int i = 0; i < 7; ++i) {
    const Ticket held = d.last<action::Dispatch>().ticket;
    d.busy(held);
    CHECK_FALSE(d.pool.accepting());
    d.idle(held);
  }
  CHECK(d.pool.connections().queued() == 2);
  CHECK(d.pool.accepting());
}

TEST_CASE("a full queue that is told to reject accepts again, and one that is told to wait does not") {
  PoolDriver d(queue_of(1, QueueFull::kWait));
  d.accept();
  PoolSettings settings = d.pool.settings();
  settings.full = QueueFull::kReject;
  d.handle(event::SettingsChanged{settings});
  CHECK(d.pool.accepting());
  settings.full = QueueFull::kWait;
  d.handle(event::SettingsChanged{settings});
  CHECK_FALSE(d.pool.accepting());
}

TEST_CASE("a shorter timeout counts for connections that wait already") {
  PoolDriver d(queue_of(10, QueueFull::kWait));
  const Ticket ticket = d.accept();
  d.advance(seconds(3));
  PoolSettings settings = d.pool.settings();
  settings.queue_timeout = seconds(1);
  d.handle(event::SettingsChanged{settings});
  CHECK(*d.pool.next_deadline() <= d.now);
  d.advance(Duration{});
  CHECK(d.ended(ticket) == How::kReject);
}

TEST_CASE("ten thousand connections wait in order") {
  PoolSettings settings = queue_of(10'000, QueueFull::kWait);
  Pool pool(settings, 1, Instant{});
  Actions out;
  SlotAllocator<Ticket> tickets;
  std::vector<Ticket> accepted;
  pool.handle(event::DeadlinePassed{}, Instant{}, out);
  const WorkerId worker = std::get<action::StartWorker>(out.front()).worker;
  for (int i = 0; i < 10'000; ++i) {
    accepted.push_back(tickets.allocate());
    pool.handle(event::Accepted{accepted.back()}, Instant{}, out);
  }
  CHECK_FALSE(pool.accepting());
  pool.handle(event::WorkerReady{worker, 1}, Instant{}, out);
  for (const Ticket ticket : accepted) {
    REQUIRE(pool.connections().find(ticket)->worker == worker);
    pool.handle(event::WorkerBusy{worker, ticket}, Instant{}, out);
    pool.handle(event::WorkerIdle{worker, ticket}, Instant{}, out);
  }
  CHECK(pool.counters().served == 10'000);
  CHECK(pool.broken_invariant() == nullptr);
}

}  // namespace
}  // namespace prefork
