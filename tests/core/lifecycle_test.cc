// When a worker is started, how it is made to leave, and what its death means for the next one.
#include <doctest/doctest.h>

#include <cstddef>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

PoolSettings pool_of(std::size_t workers) {
  PoolSettings settings;
  settings.probation = {Duration::zero(), 0};
  settings.workers = workers;
  return settings;
}

TEST_CASE("a pool starts four workers, and the others when the first is ready") {
  PoolDriver d(pool_of(10));
  CHECK(d.started.size() == 4);
  d.ready(d.started[2]);
  CHECK(d.started.size() == 10);
  CHECK(d.last<action::ReportReady>().worker == d.started[2]);
}

TEST_CASE("FAULTS 1: an idle worker that is killed is replaced at once") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  d.advance(seconds(2));
  d.exit(d.started[0], PoolDriver::kKilled);
  CHECK(d.started.size() == 3);
  CHECK(d.count<action::End>() == 0);
  CHECK(d.pool.counters().crashes == 1);
  CHECK(d.count_for<action::ForgetWorker>(d.started[0]) == 1);
}

TEST_CASE("a new worker inherits the history of the one it replaces") {
  PoolDriver d(pool_of(1));
  for (std::uint32_t death = 1; death <= 3; ++death) {
    d.ready_all();
    d.serve_one();
    d.exit(d.started.back(), PoolDriver::kKilled);
    const Lineage& lineage = d.row(d.started.back()).lineage;
    CHECK(lineage.restarts == death);
    REQUIRE(lineage.last_death);
    CHECK(lineage.last_death->exit.value == 9);
    CHECK(lineage.last_death->served == 1);
  }
}

TEST_CASE("FAULTS 12: a worker that never says ready is killed, and counts as a failed start") {
  PoolDriver d(pool_of(1));
  const WorkerId mute = d.started[0];
  d.advance(d.pool.settings().start_timeout - milliseconds(1));
  CHECK_FALSE(d.killed(mute));
  d.advance(milliseconds(1));
  CHECK(d.killed(mute));
  d.exit(mute, PoolDriver::kKilled);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kStartTimeout);
  CHECK(d.pool.counters().start_failures == 1);
  CHECK(d.last<action::ReportStarts>().failures == 1);
  CHECK(d.started.size() == 1);
  d.advance(seconds(1));
  CHECK(d.started.size() == 2);
}

TEST_CASE("FAULTS 21: a worker that closes its channel but lives is terminated, killed, and replaced") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  d.advance(seconds(2));
  const Ticket ticket = d.accept();
  const WorkerId silent = d.holder(ticket);
  d.handle(event::ChannelClosed{silent});
  CHECK_FALSE(d.terminated(silent));
  d.advance(Lifecycle::kDeathFollows);
  CHECK(d.terminated(silent));
  CHECK_FALSE(d.killed(silent));
  d.advance(d.pool.settings().kill_timeout);
  CHECK(d.killed(silent));
  CHECK(d.holder(ticket) == silent);
  d.exit(silent, PoolDriver::kKilled);
  CHECK(d.holder(ticket) != silent);
  CHECK(d.started.size() == 3);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kChannelClosed);
}

TEST_CASE("a worker whose channel ends because it dies is not said to have closed its channel") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  d.handle(event::ChannelClosed{d.started[0]});
  d.exit(d.started[0], PoolDriver::kKilled);
  CHECK(d.count<action::SignalWorker>() == 0);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kNone);
}

TEST_CASE("a worker that is leaving may close its channel on the way") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  d.handle(event::Resized{0});
  d.handle(event::ChannelClosed{d.started[0]});
  CHECK(d.count<action::SignalWorker>() == 0);
  d.exit(d.started[0]);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kResize);
}

TEST_CASE("FAULTS 23: a worker that ignores SIGTERM is killed after kill_timeout") {
  PoolDriver d(pool_of(1));
  d.handle(event::Resized{0});  // not ready yet: nothing to finish
  const WorkerId stubborn = d.started[0];
  CHECK(d.terminated(stubborn));
  d.advance(d.pool.settings().kill_timeout - milliseconds(1));
  CHECK_FALSE(d.killed(stubborn));
  d.advance(milliseconds(1));
  CHECK(d.killed(stubborn));
  d.advance(std::chrono::hours(1));
  CHECK(d.count_for<action::SignalWorker>(stubborn) == 2);
}

TEST_CASE("FAULTS 23: a worker that is told to drain and does not is terminated, then killed") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  d.handle(event::Resized{0});
  CHECK(d.count_for<action::SendDrain>(d.started[0]) == 1);
  d.advance(d.pool.settings().kill_timeout);
  CHECK(d.terminated(d.started[0]));
  d.advance(d.pool.settings().kill_timeout);
  CHECK(d.killed(d.started[0]));
  d.exit(d.started[0], PoolDriver::kKilled);
  CHECK(d.pool.counters().start_failures + d.pool.counters().crashes == 0);
}

TEST_CASE("a death that was planned never delays the next start") {
  PoolDriver d(pool_of(3));
  for (int i = 0; i < 50; ++i) {
    d.handle(event::Resized{0});
    d.leave_all();
    d.handle(event::Resized{3});
    CHECK(d.count_status(WorkerStatus::kStarting) == 3);
  }
  CHECK(d.pool.counters().start_failures == 0);
}

TEST_CASE("a worker that is killed while others serve does not hold them back") {
  PoolDriver d(pool_of(3));
  d.ready_all();
  d.exit(d.started[0], PoolDriver::kKilled);  // so young that it counts as a failure to start
  const Ticket ticket = d.accept();
  CHECK(d.holder(ticket));
  CHECK(d.pool.accepting());
}

TEST_CASE("a pool that forks starts its template first, and the workers from it") {
  PoolSettings settings = pool_of(3);
  settings.start = StartForm::kFork;
  PoolDriver d(settings);
  REQUIRE(d.started.size() == 1);
  CHECK(d.last<action::StartWorker>().role == WorkerRole::kTemplate);
  d.ready(d.started[0], 0);
  CHECK(d.started.size() == 4);
  CHECK(d.last<action::StartWorker>().role == WorkerRole::kWorker);
  CHECK(d.last<action::StartWorker>().from == d.started[0]);
}

/// Two workers that serve, and their template, which is to fork a third.
struct ForkingPool : PoolDriver {
  ForkingPool() : PoolDriver(settings_of()) {
    ready_all();
    advance(seconds(2));
    exit(started[1], kKilled);
    wanted = started.back();
  }
  static PoolSettings settings_of() {
    PoolSettings settings = pool_of(2);
    settings.start = StartForm::kFork;
    return settings;
  }
  [[nodiscard]] WorkerId origin() const { return started[0]; }
  WorkerId wanted;
};

TEST_CASE(
    "FAULTS 69: a template that does not fork when asked is ended and replaced, and its workers serve on") {
  ForkingPool d;
  d.handle(event::WorkerStopped{d.origin()});
  d.advance(d.pool.settings().start_timeout - milliseconds(1));
  CHECK_FALSE(d.terminated(d.origin()));
  d.advance(milliseconds(1));
  CHECK(d.killed(d.wanted));
  CHECK(d.terminated(d.origin()));
  d.exit(d.wanted, Exit{Exit::Kind::kVanished, 0});
  d.serve_one();
  d.advance(d.pool.settings().kill_timeout);
  CHECK(d.killed(d.origin()));
  d.exit(d.origin(), PoolDriver::kKilled);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kDoesNotFork);
  d.advance(seconds(1));
  CHECK(d.last<action::StartWorker>().role == WorkerRole::kTemplate);
  const WorkerId young = d.started.back();
  d.ready(young, 0);
  CHECK(d.last<action::StartWorker>().from == young);
  d.ready(d.started.back());
  CHECK(d.count_status(WorkerStatus::kReady) == 3);
}

TEST_CASE(
    "FAULTS 12: a forked worker that has introduced itself and hangs is killed, and its template stays") {
  ForkingPool d;
  d.handle(event::WorkerIntroduced{d.wanted});
  d.advance(d.pool.settings().start_timeout);
  CHECK(d.killed(d.wanted));
  CHECK_FALSE(d.terminated(d.origin()));
  d.exit(d.wanted, PoolDriver::kKilled);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kStartTimeout);
  d.advance(seconds(1));
  CHECK(d.last<action::StartWorker>().from == d.origin());
}

TEST_CASE("a template that forks many workers slowly is not taken for one that hangs") {
  ForkingPool d;
  d.handle(event::Resized{4});
  REQUIRE(d.count_status(WorkerStatus::kStarting) == 3);
  d.advance(d.pool.settings().start_timeout - milliseconds(1));
  d.ready(d.wanted);
  d.advance(milliseconds(1));
  CHECK(d.killed(d.started.back()));
  CHECK_FALSE(d.terminated(d.origin()));
}

TEST_CASE("a template that dies is replaced, and its workers serve on") {
  PoolSettings settings = pool_of(2);
  settings.start = StartForm::kFork;
  PoolDriver d(settings);
  d.ready_all();
  d.advance(seconds(2));
  d.exit(d.started[0], PoolDriver::kKilled);
  CHECK(d.started.size() == 4);
  CHECK(d.last<action::StartWorker>().role == WorkerRole::kTemplate);
  d.serve_one();
  const WorkerId young = d.started.back();
  d.exit(d.started[1], PoolDriver::kKilled);
  CHECK(d.started.size() == 4);  // there is no template to fork from yet
  d.ready(young, 0);
  CHECK(d.last<action::StartWorker>().from == young);
}

}  // namespace
}  // namespace prefork
