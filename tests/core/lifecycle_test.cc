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

/// How a worker that cannot work goes about it.
enum class Misery { kExits, kCannotBeStarted, kClosesItsChannelFirst, kTalksNonsense, kReadyThenExits };

/// Starts in the first five seconds of a pool whose workers all fail like this.
std::size_t starts_in_five_seconds(std::size_t workers, Misery misery) {
  PoolDriver d(pool_of(workers));
  const Instant end = d.now + seconds(5);
  std::size_t dead = 0;
  while (d.now < end) {
    while (dead < d.started.size()) {
      const WorkerId worker = d.started[dead++];
      if (misery != Misery::kCannotBeStarted) d.now += milliseconds(1);
      if (misery == Misery::kReadyThenExits) d.ready(worker);
      if (misery == Misery::kClosesItsChannelFirst) d.handle(event::ChannelClosed{worker});
      if (misery == Misery::kTalksNonsense) d.handle(event::WorkerViolated{worker});
      d.exit(worker, misery == Misery::kCannotBeStarted ? Exit{Exit::Kind::kNotStarted, 2}
                                                        : Exit{Exit::Kind::kExited, 1});
    }
    d.advance(milliseconds(1));
  }
  return d.pool.counters().starts;
}

TEST_CASE("FAULTS 13: a command that fails at once is started ten times in the first five seconds at most") {
  for (const Misery misery :
       {Misery::kExits, Misery::kCannotBeStarted, Misery::kClosesItsChannelFirst, Misery::kTalksNonsense}) {
    for (const std::size_t workers : {1U, 4U, 8U, 64U}) {
      CAPTURE(static_cast<int>(misery));
      CAPTURE(workers);
      const std::size_t starts = starts_in_five_seconds(workers, misery);
      CHECK(starts <= 10);
      CHECK(starts >= 4);
    }
  }
}

TEST_CASE("FAULTS 13: a command that is ready and exits at once is not started without end either") {
  CHECK(starts_in_five_seconds(1, Misery::kReadyThenExits) <= 10);
  CHECK(starts_in_five_seconds(64, Misery::kReadyThenExits) <= 64 + 10);
}

TEST_CASE("FAULTS 13: workers that load for long and exit right after Ready are failures to start") {
  PoolDriver d(pool_of(1));
  for (int i = 0; i < 8; ++i) {
    d.advance(seconds(3));
    d.ready(d.started.back());
    d.exit(d.started.back(), Exit{Exit::Kind::kExited, 1});
    d.advance(seconds(40));  // longer than any delay
  }
  CHECK(d.pool.lifecycle().failures() >= 7);
}

TEST_CASE("FAULTS 13: a mended command is back within one step of the delay, with all its workers") {
  PoolDriver d(pool_of(8));
  for (std::size_t dead = 0; dead < d.started.size() && dead < 8; ++dead) {
    d.exit(d.started[dead], Exit{Exit::Kind::kExited, 1});
    d.advance(d.last<action::ReportStarts>().delay);
  }
  const std::size_t before = d.started.size();
  d.advance(d.last<action::ReportStarts>().delay);
  d.ready(d.started.back());
  d.advance(RestartPolicy::kProofAfter);
  CHECK(d.last<action::ReportStarts>().failures == 0);
  CHECK(d.started.size() >= before + 7);
  d.ready_all();
  CHECK(d.count_status(WorkerStatus::kReady) == 8);
}

TEST_CASE("FAULTS 13: one connection served after failures starts the others without waiting") {
  PoolDriver d(pool_of(4));
  for (int i = 0; i < 4; ++i) d.exit(d.started[static_cast<std::size_t>(i)], PoolDriver::kKilled);
  d.advance(seconds(1));
  REQUIRE(d.count_status(WorkerStatus::kStarting) == 1);
  d.ready_all();
  CHECK(d.count_status(WorkerStatus::kStarting) == 0);
  d.serve_one();
  CHECK(d.count_status(WorkerStatus::kStarting) == 3);
}

TEST_CASE("FAULTS 13: a worker that is due is started by whatever event comes first") {
  PoolDriver d(pool_of(1));
  d.exit(d.started[0], PoolDriver::kKilled);
  d.now += seconds(5);  // the timer is late, and a connection is quicker
  const Ticket ticket = d.accept();
  CHECK((d.started.size() == 2 || *d.pool.next_deadline(d.now) <= d.now));
  d.advance(Duration{});
  d.ready_all();
  CHECK(d.holder(ticket) == d.started.back());
}

TEST_CASE("FAULTS 14: workers that die after serving are replaced at once, at a limited rate") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Instant end = d.now + seconds(10);
  std::size_t deaths = 0;
  while (d.now < end) {
    d.ready_all();
    while (d.count_status(WorkerStatus::kReady) > 0) {
      const WorkerId worker = d.serve_one();
      d.exit(worker, PoolDriver::kKilled);
      ++deaths;
      if (deaths <= 4) CHECK(d.count_status(WorkerStatus::kStarting) >= 1);
      d.ready_all();
      REQUIRE(deaths < 1000);
    }
    d.advance(milliseconds(10));
  }
  CHECK(deaths >= 40);  // it goes on
  CHECK(deaths <= 120);
  CHECK(d.pool.counters().crashes == deaths);
  CHECK(d.pool.counters().start_failures == 0);
}

TEST_CASE("FAULTS 21: a worker that closes its channel but lives is terminated, killed, and replaced") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  d.advance(seconds(2));
  const Ticket ticket = d.accept();
  const WorkerId silent = d.holder(ticket);
  d.handle(event::ChannelClosed{silent});
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
  settings.start = PoolSettings::Start::kFork;
  PoolDriver d(settings);
  REQUIRE(d.started.size() == 1);
  CHECK(d.last<action::StartWorker>().role == WorkerRole::kTemplate);
  d.ready(d.started[0], 0);
  CHECK(d.started.size() == 4);
  CHECK(d.last<action::StartWorker>().role == WorkerRole::kWorker);
  CHECK(d.last<action::StartWorker>().from == d.started[0]);
}

TEST_CASE("FAULTS 13: a template that fails is started ten times in the first five seconds at most") {
  PoolSettings settings = pool_of(8);
  settings.start = PoolSettings::Start::kFork;
  for (const bool closes_first : {false, true}) {
    PoolDriver d(settings);
    const Instant end = d.now + seconds(5);
    for (std::size_t dead = 0; d.now < end; d.advance(milliseconds(1))) {
      while (dead < d.started.size()) {
        if (closes_first) d.handle(event::ChannelClosed{d.started[dead]});
        d.exit(d.started[dead++], Exit{Exit::Kind::kExited, 1});
      }
    }
    CHECK(d.started.size() <= 10);
    CHECK(d.started.size() >= 4);
  }
}

TEST_CASE("a template that dies is replaced, and its workers serve on") {
  PoolSettings settings = pool_of(2);
  settings.start = PoolSettings::Start::kFork;
  PoolDriver d(settings);
  d.ready_all();
  d.advance(seconds(2));
  d.exit(d.started[0], PoolDriver::kKilled);
  CHECK(d.started.size() == 4);
  CHECK(d.last<action::StartWorker>().role == WorkerRole::kTemplate);
  d.serve_one();
  const WorkerId young = d.started.back();
  d.exit(d.started[1], PoolDriver::kKilled);
  CHECK(d.started.size() == 4);  // there is nobody to fork from yet
  d.ready(young, 0);
  CHECK(d.last<action::StartWorker>().from == young);
}

}  // namespace
}  // namespace prefork
