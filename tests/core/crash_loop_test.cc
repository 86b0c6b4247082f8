// Workers that die again and again are started again at a limited rate.
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

/// In which way a worker fails.
enum class Misery { kExits, kCannotBeStarted, kClosesItsChannelFirst, kTalksNonsense, kReadyThenExits };

void fail(PoolDriver& d, WorkerId worker, Misery misery) {
  if (misery == Misery::kCannotBeStarted) return d.exit(worker, Exit{Exit::Kind::kNotStarted, 2});
  d.now += milliseconds(1);
  if (misery == Misery::kReadyThenExits) d.ready(worker);
  if (misery == Misery::kClosesItsChannelFirst) d.handle(event::ChannelClosed{worker});
  if (misery == Misery::kTalksNonsense) d.handle(event::WorkerViolated{worker});
  d.exit(worker, Exit{Exit::Kind::kExited, 1});
}

/// Starts in the first five seconds of a pool whose workers all fail like this.
std::size_t starts_in_five_seconds(std::size_t workers, Misery misery) {
  PoolDriver d(pool_of(workers));
  const Instant end = d.now + seconds(5);
  std::size_t dead = 0;
  while (d.now < end) {
    while (dead < d.started.size()) fail(d, d.started[dead++], misery);
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
  CHECK((d.started.size() == 2 || *d.pool.next_deadline() <= d.now));
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

TEST_CASE("FAULTS 13: a template that fails is started ten times in the first five seconds at most") {
  PoolSettings settings = pool_of(8);
  settings.start = StartForm::kFork;
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

}  // namespace
}  // namespace prefork
