// The end of a pool: graceful within its time, quick when asked, and never without an end.
#include <doctest/doctest.h>

#include <vector>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using How = action::End::How;
using std::chrono::seconds;

PoolSettings pool_of(std::size_t workers, std::uint32_t slots = 1) {
  PoolSettings settings;
  settings.probation = {Duration::zero(), 0};
  settings.workers = workers;
  settings.slots = slots;
  return settings;
}

const event::StopRequested kGraceful{false};
const event::StopRequested kQuick{true};

TEST_CASE("an idle pool that is stopped closes its listeners, drains its workers and is gone") {
  PoolDriver d(pool_of(3));
  d.ready_all();
  d.handle(kGraceful);
  CHECK(d.count<action::CloseListeners>() == 1);
  CHECK_FALSE(d.pool.accepting());
  CHECK(d.count<action::SendDrain>() == 3);
  CHECK(d.count<action::Stopped>() == 0);
  d.leave_all();
  CHECK(d.last<action::Stopped>().clean());
  CHECK(d.pool.phase() == Pool::Phase::kStopped);
  CHECK_FALSE(d.pool.next_deadline());
}

TEST_CASE("a pool without workers stops at once") {
  PoolDriver d(pool_of(0));
  d.handle(kGraceful);
  CHECK(d.last<action::Stopped>().clean());
}

TEST_CASE("connections that wait for a pool without workers are turned away when it stops") {
  PoolDriver d(pool_of(0));
  const Ticket ticket = d.accept();
  d.handle(kGraceful);
  CHECK(d.ended(ticket) == How::kReject);
  CHECK_FALSE(d.last<action::Stopped>().clean());
}

TEST_CASE("FAULTS 46: a graceful stop under load serves what is busy and what is queued") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  std::vector<Ticket> tickets(10);
  for (Ticket& ticket : tickets) ticket = d.accept();
  d.handle(kGraceful);
  for (const Ticket ticket : tickets) {
    d.busy(ticket);
    d.advance(seconds(1));
    d.idle(ticket);
  }
  CHECK(d.pool.counters().served == 10);
  d.leave_all();
  CHECK(d.last<action::Stopped>().clean());
}

TEST_CASE("a worker that dies during a graceful stop is replaced while connections are queued") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  d.advance(seconds(2));
  const Ticket lost = d.accept();
  const Ticket queued = d.accept();
  d.busy(lost);
  d.handle(kGraceful);
  d.exit(d.holder(lost), PoolDriver::kKilled);
  REQUIRE(d.started.size() == 2);
  d.ready(d.started[1]);
  CHECK(d.holder(queued) == d.started[1]);
}

TEST_CASE("FAULTS 46: what outlasts stop_timeout is terminated, then killed, and the stop is not clean") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket hung = d.accept();
  d.busy(hung);
  const WorkerId worker = d.holder(hung);
  d.handle(kGraceful);
  d.advance(d.pool.settings().stop_timeout);
  CHECK(d.terminated(worker));
  d.advance(d.pool.settings().kill_timeout);
  CHECK(d.killed(worker));
  for (const WorkerId any : d.rows()) d.exit(any, PoolDriver::kKilled);
  CHECK(d.last<action::Stopped>().cut.lost == 1);
  CHECK(d.last<action::Stopped>().killed == 2);
  CHECK_FALSE(d.last<action::Stopped>().clean());
  CHECK(d.count<action::Stopped>() == 1);
}

TEST_CASE(
    "FAULTS 46: a second request is quick: all workers are terminated and waiting connections are turned "
    "away") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket busy = d.accept();
  d.busy(busy);
  const Ticket queued = d.accept();
  d.handle(kGraceful);
  CHECK(d.count<action::SignalWorker>() == 0);
  d.handle(kQuick);
  CHECK(d.terminated(d.started[0]));
  CHECK(d.ended(queued) == How::kReject);
  CHECK(d.count<action::CloseListeners>() == 1);
  d.exit(d.started[0]);
  CHECK_FALSE(d.last<action::Stopped>().clean());
}

TEST_CASE("FAULTS 141: a worker that finishes after the signal of a quick stop was not cut short") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  d.handle(kQuick);
  CHECK(d.terminated(d.started[0]));
  d.idle(ticket);
  d.exit(d.started[0]);
  CHECK(d.pool.counters().served == 1);
  CHECK(d.last<action::Stopped>().clean());
  CHECK(d.last<action::Stopped>().killed == 0);
}

TEST_CASE(
    "FAULTS 141: a stop tells what it has cut: what was begun, what was queued, and which were killed") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  for (int i = 0; i < 2; ++i) d.busy(d.accept());
  (void)d.accept();
  d.handle(kQuick);
  d.handle(kQuick);
  for (const WorkerId worker : d.rows()) d.exit(worker, PoolDriver::kKilled);
  const auto& stopped = d.last<action::Stopped>();
  CHECK(stopped.cut.lost == 2);
  CHECK(stopped.cut.discarded == 1);
  CHECK(stopped.cut.total() == 3);
  CHECK(stopped.killed == 2);
}

TEST_CASE("FAULTS 46: a third request kills") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  d.handle(kGraceful);
  d.handle(kQuick);
  d.handle(kQuick);
  CHECK(d.killed(d.started[0]));
  d.handle(kQuick);
  CHECK(d.count<action::SignalWorker>() == 2);
}

TEST_CASE("FAULTS 23: workers that ignore everything but SIGKILL cannot hold up a quick stop") {
  PoolDriver d(pool_of(4));
  d.ready_all();
  d.handle(kQuick);
  d.advance(d.pool.settings().kill_timeout);
  for (const WorkerId worker : d.rows()) {
    CHECK(d.killed(worker));
    d.exit(worker, PoolDriver::kKilled);
  }
  CHECK(d.last<action::Stopped>().killed == 4);
  CHECK(d.last<action::Stopped>().clean());  // no connection was cut
}

TEST_CASE("a stop while workers start waits for none of them to be ready") {
  PoolDriver d(pool_of(4));
  d.handle(kGraceful);
  CHECK(d.count<action::SignalWorker>() == 4);
  d.ready(d.started[0]);
  d.leave_all();
  CHECK(d.last<action::Stopped>().clean());
  CHECK(d.started.size() == 4);
}

TEST_CASE("a stop while a template starts, or workers are being forked, ends") {
  PoolSettings settings = pool_of(2);
  settings.start = StartForm::kFork;
  PoolDriver early(settings);
  early.handle(kGraceful);
  early.leave_all();
  CHECK(early.count<action::Stopped>() == 1);
  PoolDriver later(settings);
  later.ready(later.started[0], 0);
  later.handle(kGraceful);
  later.leave_all();
  CHECK(later.last<action::Stopped>().clean());
}

TEST_CASE("a connection that comes back during a graceful stop goes to another worker") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.handle(kGraceful);
  d.exit(d.holder(ticket), PoolDriver::kKilled);
  REQUIRE(d.holder(ticket));
  d.busy(ticket);
  d.idle(ticket);
  d.leave_all();
  CHECK(d.pool.counters().served == 1);
}

TEST_CASE("a graceful stop waits for what a killed worker has not begun") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId liar = d.holder(ticket);
  d.handle(kGraceful);
  d.handle(event::WorkerViolated{liar});
  CHECK(d.count<action::SendDrain>() == 0);
  d.exit(liar, PoolDriver::kKilled);
  REQUIRE(d.holder(ticket));
  d.busy(ticket);
  d.idle(ticket);
  CHECK(d.pool.counters().served == 1);
  CHECK(d.pool.counters().discarded == 0);
}

TEST_CASE("a graceful stop waits for the verdict on a connection that a dead worker had begun") {
  PoolSettings settings = pool_of(2);
  settings.hold = Hold::kDone;
  PoolDriver d(settings);
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  const Ticket other = d.accept();
  d.handle(kGraceful);
  d.busy(other);
  // Both connections are begun: all workers drain. The worker of the first dies and has not touched it, and
  // no worker is left to take it.
  d.exit(d.holder(ticket), PoolDriver::kKilled);
  d.handle(event::Inspected{ticket, true});
  CHECK(d.ended(ticket) == How::kReject);

  PoolDriver earlier(settings);
  earlier.ready_all();
  const Ticket begun = earlier.accept();
  earlier.busy(begun);
  const Ticket awaited = earlier.accept();
  earlier.handle(kGraceful);
  earlier.exit(earlier.holder(awaited), PoolDriver::kKilled);  // comes back: the pool is still handing out
  earlier.exit(earlier.holder(begun), PoolDriver::kKilled);
  CHECK(earlier.count<action::Inspect>() == 1);
}

TEST_CASE("a reload or a resize during a stop starts no worker") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  d.handle(kGraceful);
  d.handle(event::SettingsChanged{pool_of(9), event::SettingsChanged::Workers::kReplaced});
  d.handle(event::Resized{12});
  d.advance(seconds(5));
  CHECK(d.started.size() == 2);
  d.idle(ticket);
  d.leave_all();
  CHECK(d.count<action::Stopped>() == 1);
}

TEST_CASE("a stop during a replacement ends both generations") {
  PoolDriver d(pool_of(4));
  d.ready_all();
  d.handle(event::SettingsChanged{pool_of(4), event::SettingsChanged::Workers::kReplaced});
  d.ready(d.started.back());
  d.handle(kGraceful);
  d.leave_all();
  CHECK(d.last<action::Stopped>().clean());
}

TEST_CASE("a stop in the midst of failures to start does not wait for the next attempt") {
  PoolDriver d(pool_of(1));
  d.exit(d.started[0], PoolDriver::kKilled);
  d.handle(kGraceful);
  CHECK(d.count<action::Stopped>() == 1);
  CHECK_FALSE(d.pool.next_deadline());
}

TEST_CASE("what went wrong long before does not make a stop unclean") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket bad = d.accept();
  d.handle(event::DispatchFailed{d.holder(bad), bad, event::DispatchFailed::Cause::kBadConnection});
  CHECK(d.pool.counters().discarded == 1);
  d.handle(kGraceful);
  d.leave_all();
  CHECK(d.last<action::Stopped>().clean());
}

TEST_CASE("a connection whose time in the queue ends during the stop makes it unclean") {
  PoolSettings settings = pool_of(1);
  settings.queue_timeout = seconds(2);
  PoolDriver d(settings);
  d.ready_all();
  const Ticket busy = d.accept();
  d.busy(busy);
  const Ticket queued = d.accept();
  d.handle(kGraceful);
  d.advance(seconds(3));
  CHECK(d.ended(queued) == How::kReject);
  d.idle(busy);
  d.leave_all();
  CHECK_FALSE(d.last<action::Stopped>().clean());
}

TEST_CASE("after Stopped no event changes anything") {
  PoolDriver d(pool_of(0));
  d.handle(kGraceful);
  const std::size_t before = d.actions.size();
  d.handle(kQuick);
  d.handle(event::Resized{4});
  d.handle(event::DeadlinePassed{});
  CHECK(d.actions.size() == before);
  const Ticket late = d.accept();
  CHECK(d.ended(late) == How::kReject);
}

}  // namespace
}  // namespace prefork
