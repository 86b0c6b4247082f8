// Workers that hang: while busy, while idle, stopped by a signal, in the kernel.
#include <doctest/doctest.h>

#include <cstddef>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Signal = action::SignalWorker::Signal;

PoolSettings pool_of(std::size_t workers, std::uint32_t slots = 1) {
  PoolSettings settings;
  settings.workers = workers;
  settings.slots = slots;
  settings.busy_timeout = seconds(10);
  return settings;
}

TEST_CASE("FAULTS 10: a worker that is busy for too long is told to end, and killed after its grace") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  const WorkerId stuck = d.holder(ticket);
  d.advance(milliseconds(9999));
  CHECK_FALSE(d.terminated(stuck));
  d.advance(milliseconds(1));
  CHECK(d.terminated(stuck));
  CHECK_FALSE(d.killed(stuck));
  d.advance(d.pool.settings().kill_timeout);
  CHECK(d.killed(stuck));
  CHECK(d.count<action::SignalWorker>() == 2);
  d.exit(stuck, PoolDriver::kKilled);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kBusyTimeout);
  CHECK(d.pool.counters().lost == 1);
  CHECK(d.started.size() == 2);
}

TEST_CASE(
    "FAULTS 10: with hold done the client of a stuck worker is ended at once, and counted as lost once") {
  PoolSettings settings = pool_of(1);
  settings.hold = Hold::kDone;
  PoolDriver d(settings);
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  const WorkerId stuck = d.holder(ticket);
  d.advance(seconds(10));
  CHECK(d.count<action::Dismiss>() == 1);
  d.exit(stuck, PoolDriver::kKilled);
  CHECK(d.count<action::Inspect>() == 0);
  CHECK(d.ended(ticket) == action::End::How::kClose);
  CHECK(d.pool.counters().lost == 1);
  CHECK(d.pool.counters().redispatched == 0);
}

TEST_CASE("Progress starts the time anew, for its own connection only") {
  PoolDriver d(pool_of(1, 2));
  d.ready_all(2);
  const Ticket lively = d.accept();
  const Ticket silent = d.accept();
  const WorkerId worker = d.holder(lively);
  d.busy(lively);
  d.busy(silent);
  d.advance(seconds(6));
  d.handle(event::WorkerProgress{worker, lively});
  d.idle(silent);
  d.advance(seconds(9));
  CHECK_FALSE(d.terminated(worker));
  d.advance(seconds(1));
  CHECK(d.terminated(worker));
}

TEST_CASE("a worker that finishes in time is left alone, and one without busy_timeout for ever") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  d.serve_one();
  d.advance(seconds(60));
  PoolSettings patient = pool_of(1);
  patient.busy_timeout = Duration::zero();
  d.handle(event::SettingsChanged{patient});
  const Ticket ticket = d.accept();
  d.busy(ticket);
  d.advance(std::chrono::hours(24));
  CHECK(d.count<action::SignalWorker>() == 0);
}

TEST_CASE("kill_signal ABRT is only for a worker that hangs") {
  PoolSettings settings = pool_of(2);
  settings.stuck_signal = KillSignal::kAbort;
  PoolDriver d(settings);
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  const WorkerId stuck = d.holder(ticket);
  d.advance(seconds(10));
  CHECK(d.signalled(stuck, Signal::kAbort));
  CHECK_FALSE(d.terminated(stuck));
  d.handle(event::StopRequested{true});
  CHECK(d.terminated(stuck == d.started[0] ? d.started[1] : d.started[0]));
}

TEST_CASE("an idle worker is pinged, and ended when it does not answer") {
  PoolSettings settings = pool_of(2);
  settings.ping_interval = seconds(10);
  settings.ping_timeout = seconds(2);
  PoolDriver d(settings);
  d.ready_all();
  d.advance(seconds(11));
  CHECK(d.count<action::SendPing>() == 2);
  d.handle(event::WorkerPong{d.started[0]});
  d.advance(seconds(3));
  CHECK_FALSE(d.terminated(d.started[0]));
  CHECK(d.terminated(d.started[1]));
  d.exit(d.started[1], PoolDriver::kKilled);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kPingTimeout);
}

TEST_CASE("a busy worker is not pinged, and a worker that answers is pinged again and again") {
  PoolSettings settings = pool_of(1);
  settings.busy_timeout = Duration::zero();
  settings.ping_interval = seconds(10);
  PoolDriver d(settings);
  d.ready_all();
  for (int i = 0; i < 100; ++i) {
    d.serve_one();
    d.advance(seconds(5));
  }
  CHECK(d.count<action::SendPing>() == 0);
  const Ticket ticket = d.accept();
  d.busy(ticket);
  d.advance(seconds(100));
  CHECK(d.count<action::SendPing>() == 0);
  d.idle(ticket);
  for (std::size_t pings = 1; pings <= 3; ++pings) {
    d.advance(seconds(13));
    CHECK(d.count<action::SendPing>() == pings);
    d.handle(event::WorkerPong{d.started[0]});
  }
}

TEST_CASE("a Pong without a Ping is a violation") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  d.handle(event::WorkerPong{d.started[0]});
  CHECK(d.killed(d.started[0]));
  CHECK(d.last<action::ReportViolation>().violation.what == Violation::What::kUnexpectedPong);
}

TEST_CASE("FAULTS 8: a stopped worker gets nothing until it is continued") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  d.handle(event::WorkerStopped{d.started[0], true});
  for (int i = 0; i < 5; ++i) CHECK(d.serve_one() == d.started[1]);
  const Ticket first = d.accept();
  const Ticket second = d.accept();
  CHECK(d.holder(first) == d.started[1]);
  CHECK_FALSE(d.holder(second));
  d.handle(event::WorkerStopped{d.started[0], false});
  CHECK(d.holder(second) == d.started[0]);
}

TEST_CASE("FAULTS 495: it is reported when a worker is stopped and goes on, once a second at most") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const auto reported = [&](bool stopped) {
    return d.count<action::ReportStopped>([&](const auto& report) { return report.stopped == stopped; });
  };
  const auto set = [&](bool stopped) { d.handle(event::WorkerStopped{d.started[0], stopped}); };
  set(false);
  CHECK(reported(false) == 0);
  for (int i = 0; i < 3; ++i) set(true);  // the kernel is asked again and again
  CHECK(reported(true) == 1);
  for (int i = 0; i < 3; ++i) set(false);
  CHECK(reported(false) == 1);
  set(true);
  set(false);
  CHECK(reported(true) == 1);
  CHECK(reported(false) == 1);
  d.advance(seconds(1));
  set(true);
  set(false);
  CHECK(reported(true) == 2);
  CHECK(reported(false) == 2);
}

TEST_CASE("FAULTS 8: a stopped worker is replaced, up to a bound, and one leaves when it goes on") {
  PoolDriver d(pool_of(4));
  d.ready_all();
  d.handle(event::WorkerStopped{d.started[0], true});
  CHECK(d.started.size() == 5);
  d.handle(event::WorkerStopped{d.started[1], true});
  CHECK(d.started.size() == 5);  // a quarter of four
  d.ready_all();
  d.handle(event::WorkerStopped{d.started[1], false});
  CHECK(d.count<action::SendDrain>() == 0);
  d.handle(event::WorkerStopped{d.started[0], false});
  CHECK(d.count<action::SendDrain>() == 1);
}

TEST_CASE("FAULTS 11: a worker that SIGKILL does not end is replaced, up to a bound") {
  PoolSettings settings = pool_of(4);
  settings.busy_timeout = seconds(1);
  PoolDriver d(settings);
  d.ready_all();
  std::vector<WorkerId> stuck;
  for (int i = 0; i < 2; ++i) {
    const Ticket ticket = d.accept();
    d.busy(ticket);
    stuck.push_back(d.holder(ticket));
  }
  d.advance(seconds(1));
  d.advance(settings.kill_timeout);
  CHECK(d.started.size() == 4);
  d.advance(settings.kill_timeout);
  CHECK(d.count<action::ReportStuck>() == 2);
  CHECK(d.count<action::ReportStuck>([](const auto& report) { return report.replaced; }) == 1);
  CHECK(d.started.size() == 5);  // a quarter of four
  d.ready_all();
  for (const WorkerId worker : stuck) d.exit(worker, PoolDriver::kKilled);
  d.ready_all();
  CHECK(d.count_status(WorkerStatus::kReady) == 4);
}

TEST_CASE("FAULTS 45 and 60: after a standstill no worker is killed whose records are only unread") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  d.advance(seconds(1));
  const Ticket silent = d.accept();
  const Ticket working = d.accept();
  d.busy(working);
  d.now += std::chrono::hours(1);  // the supervisor did not run meanwhile
  d.forget();
  d.handle(event::DeadlinePassed{});
  CHECK(d.actions.empty());
  // The records of that hour are read now.
  d.busy(silent);
  d.idle(silent);
  d.idle(working);
  d.advance(seconds(5));
  CHECK(d.count<action::SignalWorker>() == 0);
  CHECK(d.pool.counters().served == 2);
}

TEST_CASE(
    "FAULTS 45 and 60: a worker that is silent after a standstill, too, is judged when the grace is over") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId worker = d.holder(ticket);
  d.now += std::chrono::hours(1);
  d.handle(event::DeadlinePassed{});
  CHECK_FALSE(d.killed(worker));
  d.advance(StandstillGuard::kGrace);
  CHECK(d.killed(worker));
}

}  // namespace
}  // namespace prefork
