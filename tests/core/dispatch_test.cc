// Which worker gets the next connection, and what follows when a dispatch cannot be carried out.
#include <doctest/doctest.h>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using Cause = event::DispatchFailed::Cause;
using How = action::End::How;
using std::chrono::milliseconds;
using std::chrono::seconds;

PoolSettings pool_of(std::size_t workers, std::uint32_t slots = 1) {
  PoolSettings settings;
  settings.probation = {Duration::zero(), 0};
  settings.workers = workers;
  settings.slots = slots;
  return settings;
}

TEST_CASE("a connection goes to a ready worker at once, with its listener and its age") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket ticket = d.accept();
  const auto& dispatch = d.last<action::Dispatch>();
  CHECK(dispatch.ticket == ticket);
  CHECK(dispatch.worker == d.started[0]);
  CHECK(dispatch.accepted_at == d.now);
  CHECK(dispatch.waited == Duration{});
}

TEST_CASE("a worker gets no connection before it is ready") {
  PoolDriver d(pool_of(1));
  const Ticket ticket = d.accept();
  CHECK(d.count<action::Dispatch>() == 0);
  d.advance(milliseconds(20));
  d.ready_all();
  CHECK(d.holder(ticket) == d.started[0]);
  CHECK(d.last<action::Dispatch>().waited == milliseconds(20));
}

TEST_CASE("connections go to the least busy worker") {
  PoolDriver d(pool_of(2, 4));
  d.ready_all(4);
  const Ticket a = d.accept();
  const Ticket b = d.accept();
  CHECK(d.holder(a) != d.holder(b));
  d.busy(a);
  const WorkerId freed = d.holder(a);
  d.idle(a);
  CHECK(d.holder(d.accept()) == freed);
}

TEST_CASE("among equals the longest idle worker is preferred, or the warmest where that is set") {
  PoolSettings settings = pool_of(3);
  PoolDriver cold(settings);
  cold.ready_all();
  const WorkerId first = cold.serve_one();
  CHECK(cold.serve_one() != first);
  settings.prefer = Prefer::kWarmest;
  PoolDriver warm(settings);
  warm.ready_all();
  const WorkerId favourite = warm.serve_one();
  CHECK(warm.serve_one() == favourite);
  CHECK(warm.serve_one() == favourite);
}

TEST_CASE("a worker gets as many as it offers, but no more than the pool allows") {
  PoolDriver modest(pool_of(1, 4));
  modest.ready_all(2);
  for (int i = 0; i < 5; ++i) modest.accept();
  CHECK(modest.count<action::Dispatch>() == 2);
  PoolDriver greedy(pool_of(1, 4));
  greedy.ready_all(UINT64_MAX);
  for (int i = 0; i < 5; ++i) greedy.accept();
  CHECK(greedy.count<action::Dispatch>() == 4);
}

TEST_CASE("a slot is taken until the worker is idle, not only until it is busy") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket first = d.accept();
  const Ticket second = d.accept();
  d.busy(first);
  CHECK_FALSE(d.holder(second));
  d.idle(first);
  CHECK(d.holder(second) == d.started[0]);
  CHECK(d.ended(first) == How::kClose);
}

TEST_CASE("a worker that refuses rests for a moment, and another takes the connection at once") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId unwilling = d.holder(ticket);
  d.refuse(ticket);
  REQUIRE(d.holder(ticket));
  CHECK(d.holder(ticket) != unwilling);
  const Ticket next = d.accept();
  CHECK_FALSE(d.holder(next));
  d.advance(Dispatcher::kPause);
  CHECK(d.holder(next) == unwilling);
}

TEST_CASE("a connection that three workers refuse is closed") {
  PoolDriver d(pool_of(3));
  d.ready_all();
  const Ticket ticket = d.accept();
  for (int i = 0; i < 3; ++i) d.refuse(ticket);
  CHECK(d.ended(ticket) == How::kCrash);
  CHECK(d.pool.counters().gave_up == 1);
  CHECK(d.count_status(WorkerStatus::kReady) == 3);
}

TEST_CASE(
    "FAULTS 33: a connection that cannot be sent for lack of resources stays first in the queue and no "
    "worker is "
    "blamed") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId worker = d.holder(ticket);
  d.handle(event::DispatchFailed{worker, ticket, Cause::kNoResources});
  CHECK(d.connection(ticket)->state == ConnectionState::kQueued);
  CHECK(d.count<action::SignalWorker>() == 0);
  const Ticket younger = d.accept();
  CHECK_FALSE(d.holder(younger));  // nothing is tried during the pause
  d.advance(Dispatcher::kResourcePause);
  CHECK(d.holder(ticket));
  CHECK(d.holder(younger));
  CHECK(d.connection(ticket)->redispatches == 0);
}

TEST_CASE(
    "FAULTS 33: a shortage that lasts delays nothing but what it must, and ends with the queue's timeout") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket ticket = d.accept();
  std::size_t attempts = 0;
  for (; attempts < 10'000 && !d.ended(ticket); ++attempts) {
    if (d.holder(ticket)) d.handle(event::DispatchFailed{d.holder(ticket), ticket, Cause::kNoResources});
    d.advance(Dispatcher::kResourcePause);
  }
  CHECK(d.ended(ticket) == How::kReject);
  CHECK(d.pool.counters().expired == 1);
  CHECK(d.pool.counters().waits.total().count() == 1);  // the first dispatch is counted, the repeats are not
}

TEST_CASE("FAULTS 33: a shortage does not let the queue grow beyond its limit") {
  PoolSettings settings = pool_of(1);
  settings.queue_max = 3;
  settings.full = QueueFull::kReject;
  PoolDriver d(settings);
  d.ready_all();
  const Ticket ticket = d.accept();
  d.handle(event::DispatchFailed{d.holder(ticket), ticket, Cause::kNoResources});
  for (int i = 0; i < 20; ++i) d.accept();
  CHECK(d.pool.connections().queued() == 3);
  CHECK(d.pool.counters().rejected == 18);
}

TEST_CASE("FAULTS 33: a worker that does not read its channel rests, and others go on") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId stuck = d.holder(ticket);
  d.handle(event::DispatchFailed{stuck, ticket, Cause::kWorkerFull});
  CHECK(d.holder(ticket) != stuck);
  CHECK(d.row(stuck).paused);
  CHECK(d.connection(ticket)->redispatches == 0);
  d.advance(Dispatcher::kPause);
  CHECK_FALSE(d.row(stuck).paused);
}

TEST_CASE("a connection whose worker is gone at the dispatch goes to another, and the worker is ended") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId gone = d.holder(ticket);
  d.handle(event::DispatchFailed{gone, ticket, Cause::kWorkerGone});
  CHECK(d.holder(ticket) != gone);
  d.advance(Lifecycle::kDeathFollows);
  CHECK(d.terminated(gone));
}

TEST_CASE("a dispatch that fails because its worker is leaving as planned changes nothing in the plan") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId worker = d.holder(ticket);
  d.handle(event::Resized{0});
  REQUIRE(d.row(worker).status == WorkerStatus::kDraining);
  d.handle(event::DispatchFailed{worker, ticket, Cause::kWorkerGone});
  CHECK(d.row(worker).status == WorkerStatus::kDraining);
  d.exit(worker);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kResize);
  CHECK(d.pool.counters().crashes + d.pool.counters().start_failures == 0);
  CHECK(d.connection(ticket)->state == ConnectionState::kQueued);
}

TEST_CASE("a socket that cannot be sent is closed, and its worker stays") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId worker = d.holder(ticket);
  d.handle(event::DispatchFailed{worker, ticket, Cause::kBadConnection});
  CHECK(d.ended(ticket) == How::kClose);
  CHECK(d.pool.counters().discarded == 1);
  CHECK(d.serve_one() == worker);
}

TEST_CASE("a failed dispatch that is reported after its worker's death is not undone twice") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId dead = d.holder(ticket);
  d.exit(dead, PoolDriver::kKilled);
  const WorkerId heir = d.holder(ticket);
  d.handle(event::DispatchFailed{dead, ticket, Cause::kWorkerGone});
  CHECK(d.holder(ticket) == heir);
}

TEST_CASE(
    "FAULTS 59: time is what the caller says it is, and the same history takes the same course at any hour") {
  static_assert(Instant::clock::is_steady, "a wall clock that jumps must not move a deadline");
  std::vector<std::size_t> shapes[2];
  for (int run = 0; run < 2; ++run) {
    PoolDriver d(pool_of(3), Instant{} + std::chrono::hours(run == 0 ? 1 : 24 * 3650));
    d.ready_all();
    d.accept();
    const Ticket ticket = d.accept();
    d.busy(ticket);
    d.advance(seconds(60));
    d.exit(d.started[0], PoolDriver::kKilled);
    d.advance(seconds(60));
    d.idle(ticket);
    for (const Action& action : d.actions) shapes[run].push_back(action.index());
  }
  CHECK(shapes[0] == shapes[1]);
  CHECK_FALSE(shapes[0].empty());
}

}  // namespace
}  // namespace prefork
