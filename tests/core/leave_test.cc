// Workers that leave by themselves: the record Leave.
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Exit kSegfault{Exit::Kind::kSignaled, 11};

PoolSettings pool_of(std::size_t workers, std::uint32_t slots = 1) {
  PoolSettings settings;
  settings.workers = workers;
  settings.slots = slots;
  return settings;
}

void leave(PoolDriver& d, WorkerId worker) { d.handle(event::WorkerLeaves{worker}); }

const DeathRecord& death(const PoolDriver& d) { return d.last<action::ReportDeath>().record; }

/// Whether this death counts for nothing.
void check_planned(const PoolDriver& d) {
  CHECK(death(d).reason == StopReason::kLeft);
  CHECK_FALSE(death(d).is_failure());
  CHECK(d.pool.counters().crashes == 0);
  CHECK(d.pool.counters().start_failures == 0);
  CHECK(d.pool.counters().violations == 0);
}

TEST_CASE(
    "FAULTS 200: what a leaving worker has not begun goes to others at once, in front, without a count") {
  PoolSettings settings = pool_of(1, 3);
  SUBCASE("hold receipt") {}
  SUBCASE("hold done") { settings.hold = Hold::kDone; }
  PoolDriver d(settings);
  d.ready_all(3);
  const WorkerId leaver = d.started[0];
  const Ticket begun = d.accept();
  d.busy(begun);
  const Ticket second = d.accept();
  const Ticket third = d.accept();
  const Ticket waiting = d.accept();
  leave(d, leaver);
  CHECK(d.row(leaver).load == 1);
  CHECK(d.connection(second)->state == ConnectionState::kQueued);
  d.forget();
  d.ready(d.started[1], 2);
  CHECK(d.holder(second) == d.started[1]);
  CHECK(d.holder(third) == d.started[1]);
  CHECK_FALSE(d.holder(waiting));
  CHECK(d.connection(second)->redispatches == 0);
  CHECK(d.count<action::ReportRedispatched>() == 0);
  // What the worker may have set on the socket is undone.
  CHECK(d.count<action::Dispatch>([](const auto& dispatch) { return dispatch.came_back; }) == 2);
  CHECK(d.pool.counters().redispatched == 2);
}

TEST_CASE("FAULTS 200: a connection that any number of workers give back is not given up before its time") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket ticket = d.accept();
  for (int round = 0; round < 5; ++round) {
    const WorkerId leaver = d.holder(ticket);
    REQUIRE(leaver);
    d.advance(RestartPolicy::kProofAfter);
    leave(d, leaver);
    d.exit(leaver);
    d.ready_all();
  }
  REQUIRE(d.holder(ticket));
  leave(d, d.holder(ticket));
  CHECK_FALSE(d.ended(ticket));
  d.advance(d.pool.settings().queue_timeout);
  CHECK(d.ended(ticket) == action::End::How::kReject);
}

TEST_CASE("FAULTS 201: a worker that leaves is replaced at once, and its exit with status 0 is no failure") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const WorkerId leaver = d.serve_one();
  leave(d, leaver);
  CHECK(d.row(leaver).status == WorkerStatus::kDraining);
  CHECK(d.count_for<action::SendDrain>(leaver) == 1);
  CHECK(d.started.size() == 3);
  d.exit(leaver);
  check_planned(d);
  CHECK(d.started.size() == 3);
  d.ready_all();
  // As often as it happens, no start is delayed.
  for (int i = 0; i < 50; ++i) {
    const WorkerId next = d.serve_one();
    leave(d, next);
    d.exit(next);
    d.ready_all();
    CHECK(d.count_status(WorkerStatus::kReady) == 2);
  }
  check_planned(d);
}

TEST_CASE("a worker that leaves may finish what it has begun, within stop_timeout, and then exits") {
  PoolSettings settings = pool_of(1, 2);
  settings.stop_timeout = seconds(20);
  PoolDriver d(settings);
  d.ready_all(2);
  const WorkerId leaver = d.started[0];
  const Ticket ticket = d.accept();
  d.busy(ticket);
  leave(d, leaver);
  SUBCASE("it does") {
    d.advance(seconds(19));
    CHECK_FALSE(d.terminated(leaver));
    d.idle(ticket);
    CHECK(d.pool.counters().served == 1);
    d.exit(leaver);
    check_planned(d);
  }
  SUBCASE("it does not finish") {
    d.advance(seconds(20));
    CHECK(d.terminated(leaver));
  }
  SUBCASE("it does not exit") {
    d.idle(ticket);
    d.advance(settings.kill_timeout);
    CHECK(d.terminated(leaver));
    d.exit(leaver, Exit{Exit::Kind::kSignaled, 15});
    CHECK(death(d).reason == StopReason::kDrainTimeout);
    CHECK_FALSE(death(d).is_failure());
  }
  SUBCASE("it dies") {
    d.exit(leaver, kSegfault);
    CHECK(death(d).reason == StopReason::kNone);
    CHECK(d.pool.counters().start_failures == 1);
  }
  SUBCASE("it exits with status 0, but cuts the connection") {
    d.exit(leaver);
    CHECK(death(d).is_failure());
    CHECK(d.pool.counters().lost == 1);
  }
}

TEST_CASE("FAULTS 202: Leave, as often as it comes, gives a worker no more time and no Drain twice") {
  PoolSettings settings = pool_of(1);
  PoolDriver d(settings);
  d.ready_all();
  const WorkerId leaver = d.serve_one();
  for (int i = 0; i < 100; ++i) {
    leave(d, leaver);
    if (!d.terminated(leaver)) d.advance(milliseconds(100));
  }
  CHECK(d.terminated(leaver));
  CHECK(d.count_for<action::SendDrain>(leaver) == 1);
  CHECK(d.count<action::SignalWorker>() == 1);
  CHECK(d.pool.counters().violations == 0);
  CHECK(d.started.size() == 2);
}

TEST_CASE("FAULTS 202: a worker that begins what it has given back, or is Ready again, is killed for it") {
  PoolDriver d(pool_of(2, 2));
  d.ready_all(2);
  const Ticket ticket = d.accept();
  const WorkerId liar = d.holder(ticket);
  leave(d, liar);
  REQUIRE(d.holder(ticket) != liar);
  SUBCASE("Busy") { d.handle(event::WorkerBusy{liar, ticket}); }
  SUBCASE("Refused") { d.handle(event::WorkerRefused{liar, ticket}); }
  SUBCASE("Ready") { d.ready(liar, 2); }
  CHECK(d.pool.counters().violations == 1);
  CHECK(d.killed(liar));
  const WorkerId other = d.holder(ticket);
  CHECK(d.connection(ticket)->state == ConnectionState::kDispatched);
  d.exit(liar, PoolDriver::kKilled);
  CHECK(death(d).reason == StopReason::kViolation);
  CHECK(d.holder(ticket) == other);
}

TEST_CASE("Leave crosses Drain, or the signal to end a worker: un-begun connections come back, no more") {
  PoolSettings settings = pool_of(2, 2);
  settings.stop_timeout = seconds(5);  // shorter than receipt_timeout
  PoolDriver d(settings);
  d.ready_all(2);
  const Ticket ticket = d.accept();
  const WorkerId leaver = d.holder(ticket);
  StopReason expected = StopReason::kResize;
  SUBCASE("Drain") {
    d.handle(event::Resized{1});
    // The idle worker is chosen first, so the other is drained by another resize.
    if (d.row(leaver).live()) d.handle(event::Resized{0});
    REQUIRE(d.row(leaver).status == WorkerStatus::kDraining);
  }
  SUBCASE("SIGTERM") {
    d.handle(event::Resized{0});
    d.advance(settings.stop_timeout);
    REQUIRE(d.row(leaver).status == WorkerStatus::kStopping);
    expected = d.row(leaver).reason;
  }
  d.forget();
  const Instant before = d.now;
  leave(d, leaver);
  CHECK_FALSE(d.holder(ticket));
  CHECK(d.row(leaver).reason == expected);
  CHECK(d.count<action::SendDrain>() == 0);
  // It holds nothing now, so it has only the time to exit.
  CHECK(*d.row(leaver).deadline <= before + settings.kill_timeout);
}

TEST_CASE("a connection that cannot be sent, because its worker goes, is told before the worker's Leave") {
  PoolDriver d(pool_of(1, 2));
  d.ready_all(2);
  const WorkerId leaver = d.serve_one();
  const Ticket ticket = d.accept();
  d.handle(event::DispatchFailed{leaver, ticket, event::DispatchFailed::Cause::kWorkerGone});
  CHECK(d.row(leaver).status == WorkerStatus::kStopping);
  leave(d, leaver);
  CHECK(d.row(leaver).status == WorkerStatus::kDraining);
  d.advance(Lifecycle::kDeathFollows);
  CHECK_FALSE(d.terminated(leaver));
  d.exit(leaver);
  check_planned(d);
}

TEST_CASE(
    "FAULTS 203: a worker that leaves before it was of use has failed to start: delays, one at a time") {
  PoolDriver d(pool_of(1));
  std::vector<Instant> starts;
  for (int i = 0; i < 6; ++i) {
    const std::size_t known = d.started.size();
    d.ready(d.started.back());
    const WorkerId leaver = d.started.back();
    leave(d, leaver);
    CHECK(d.started.size() == known);  // its place is kept until it is dead
    d.exit(leaver);
    CHECK(death(d).reason == StopReason::kLeftTooSoon);
    CHECK(d.started.size() == known);
    d.advance(seconds(40));
    REQUIRE(d.started.size() == known + 1);
  }
  CHECK(d.pool.counters().start_failures == 6);
  CHECK(d.pool.lifecycle().failures() == 6);
}

TEST_CASE("a worker that was ready for a second may leave without having served") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  d.advance(RestartPolicy::kProofAfter);
  leave(d, d.started[0]);
  CHECK(d.started.size() == 2);
  d.exit(d.started[0]);
  check_planned(d);
}

TEST_CASE("FAULTS 204: leaving workers are replaced once for each place before they have exited") {
  PoolDriver d(pool_of(2));
  for (int i = 0; i < 10; ++i) {
    d.ready_all();
    const Ticket ticket = d.accept();
    if (!d.holder(ticket)) break;
    const WorkerId leaver = d.holder(ticket);
    d.busy(ticket);
    leave(d, leaver);
  }
  CHECK(d.pool.workers().size() == 4);
  CHECK(d.count_status(WorkerStatus::kDraining) == 4 - d.count_status(WorkerStatus::kReady));
  for (const WorkerId worker : d.rows()) {
    if (!d.row(worker).live()) d.exit(worker, PoolDriver::kKilled);
  }
  for (int i = 0; i < 5; ++i) {
    d.advance(seconds(5));
    d.ready_all();
  }
  CHECK(d.count_status(WorkerStatus::kReady) == 2);
}

TEST_CASE("a worker that is being recycled leaves by itself: one successor, not two") {
  PoolSettings settings = pool_of(1);
  settings.recycle.connections = 1;
  settings.recycle.jitter = 0;
  PoolDriver d(settings);
  d.ready_all();
  const WorkerId leaver = d.serve_one();
  REQUIRE(d.row(leaver).retiring);
  CHECK(d.started.size() == 2);
  leave(d, leaver);
  CHECK(d.started.size() == 2);
  d.exit(leaver);
  check_planned(d);
  CHECK(d.started.size() == 2);
}

TEST_CASE("FAULTS 205: a worker on trial that leaves has passed if it has served what the probation wants") {
  PoolSettings settings = pool_of(1);
  settings.probation.connections = 2;
  PoolDriver d(settings);
  d.ready_all();
  const WorkerId old = d.started[0];
  d.handle(event::SettingsChanged{settings, event::SettingsChanged::Workers::kReplaced});
  REQUIRE(d.started.size() == 2);
  const WorkerId candidate = d.started[1];
  d.ready(candidate);
  int served = 0;
  const auto serve_with_candidate = [&] {
    const Ticket first = d.accept();
    const Ticket second = d.accept();
    const Ticket given = d.holder(first) == candidate ? first : second;
    REQUIRE(d.holder(given) == candidate);
    for (const Ticket ticket : {first, second}) d.busy(ticket), d.idle(ticket);
    ++served;
  };
  Exit exit = PoolDriver::kCleanExit;
  bool passes = false;
  SUBCASE("nothing") {}
  SUBCASE("one") { serve_with_candidate(); }
  SUBCASE("both, and it dies afterwards") {
    serve_with_candidate();
    serve_with_candidate();
    exit = kSegfault;
  }
  SUBCASE("both") {
    serve_with_candidate();
    serve_with_candidate();
    passes = true;
  }
  REQUIRE(d.row(candidate).served == static_cast<std::uint64_t>(served));
  leave(d, candidate);
  CHECK(d.pool.lifecycle().rollout().trial().has_value());
  d.exit(candidate, exit);
  CHECK_FALSE(d.pool.lifecycle().rollout().trial().has_value());
  using Stage = action::ReportRollout::Stage;
  CHECK(d.last<action::ReportRollout>().stage == (passes ? Stage::kTakesOver : Stage::kFailed));
  CHECK(d.known(old));
  CHECK(d.row(old).live());
  if (!passes) {
    CHECK(d.last<action::ReportRollout>().death->is_failure());
    CHECK(d.pool.lifecycle().rollout().generation() == 1);
    return;
  }
  d.ready_all();
  CHECK(d.row(old).status == WorkerStatus::kDraining);
  CHECK(d.pool.lifecycle().rollout().generation() == 2);
}

TEST_CASE("an elastic pool replaces a worker that leaves, when it needs it") {
  PoolSettings settings = pool_of(4);
  settings.elastic = PoolSettings::Elastic{.min = 1, .spare = 0};
  PoolDriver d(settings);
  d.ready_all();
  REQUIRE(d.started.size() == 1);
  const WorkerId leaver = d.serve_one();
  leave(d, leaver);
  CHECK(d.started.size() == 2);
  d.exit(leaver);
  CHECK(d.started.size() == 2);
  check_planned(d);
}

TEST_CASE("a worker that is forked from a template leaves, and another is forked") {
  PoolSettings settings = pool_of(1);
  settings.start = StartForm::kFork;
  PoolDriver d(settings);
  d.ready_all();
  const WorkerId leaver = d.serve_one();
  leave(d, leaver);
  REQUIRE(d.started.size() == 3);
  CHECK(d.last<action::StartWorker>().from == d.started[0]);
  d.exit(leaver);
  check_planned(d);
}

TEST_CASE("a pool that is being stopped replaces a worker that leaves while the queue needs it") {
  PoolDriver d(pool_of(1, 2));
  d.ready_all(2);
  const WorkerId leaver = d.serve_one();
  const Ticket begun = d.accept();
  d.busy(begun);
  const Ticket second = d.accept();
  REQUIRE(d.holder(second) == leaver);
  d.handle(event::StopRequested{});
  leave(d, leaver);
  d.ready_all(2);
  REQUIRE(d.holder(second) == d.started[1]);
  d.busy(second);
  d.idle(second);
  d.handle(event::WorkerIdle{leaver, begun});
  d.leave_all();
  CHECK(d.last<action::Stopped>().clean());
  CHECK(d.pool.counters().crashes == 0);
}

TEST_CASE("a pool in the middle of a Leave is carried over by an upgrade") {
  PoolDriver d(pool_of(1, 2));
  d.ready_all(2);
  const WorkerId leaver = d.serve_one();
  const Ticket begun = d.accept();
  d.busy(begun);
  const Ticket given_back = d.accept();
  leave(d, leaver);
  Pool copy(d.pool.settings(), /*seed=*/1, d.now);
  REQUIRE(copy.restore(d.pool.snapshot()) == "");
  Actions out;
  copy.handle(event::WorkerReady{d.started[1], 2}, d.now, out);
  REQUIRE(copy.connections().find(given_back)->worker == d.started[1]);
  CHECK(copy.connections().find(given_back)->given_back);
  copy.handle(event::WorkerIdle{leaver, begun}, d.now, out);
  copy.handle(event::WorkerExited{leaver, PoolDriver::kCleanExit}, d.now, out);
  CHECK(copy.counters().crashes == 0);
  CHECK(copy.counters().start_failures == 0);
}

}  // namespace
}  // namespace prefork
