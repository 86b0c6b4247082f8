// Reports about a pool that cannot keep up, and about connections that go to a second worker.
#include "supervisor/core/saturation.h"

#include <doctest/doctest.h>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;

std::size_t reports(const PoolDriver& d, bool saturated) {
  return d.count<action::ReportSaturation>([&](const auto& report) { return report.saturated == saturated; });
}

PoolSettings pool_of(std::size_t workers) {
  PoolSettings settings;
  settings.probation = {Duration::zero(), 0};
  settings.workers = workers;
  return settings;
}

TEST_CASE("a connection that finds a free worker is no saturation, one that must wait is") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  (void)d.accept();
  CHECK(d.count<action::ReportSaturation>() == 0);
  CHECK_FALSE(d.pool.saturated());
  (void)d.accept();
  CHECK(d.pool.saturated());
  CHECK(reports(d, true) == 1);
  CHECK(d.last<action::ReportSaturation>().queued == 1);
  (void)d.accept();
  CHECK(reports(d, true) == 1);
}

TEST_CASE("a connection that waits for the receipt of another one is no saturation while a worker has room") {
  PoolSettings settings = pool_of(1);
  settings.slots = 2;
  PoolDriver d(settings);
  d.most_unreceived = 1;
  d.ready_all(2);
  const Ticket first = d.accept();
  const Ticket second = d.accept();
  CHECK_FALSE(d.holder(second));
  CHECK_FALSE(d.pool.saturated());
  d.busy(first);
  CHECK(d.holder(second));
  (void)d.accept();
  CHECK(d.pool.saturated());
  CHECK(reports(d, true) == 1);
}

TEST_CASE("saturation ends when no connection has waited for a tenth of a second, and not before") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  for (int i = 0; i < 5; ++i) {
    const Ticket first = d.accept();
    const Ticket second = d.accept();
    for (const Ticket ticket : {first, second}) {
      d.busy(ticket);
      d.idle(ticket);
    }
    d.advance(milliseconds(50));
  }
  CHECK(reports(d, true) == 1);
  CHECK(reports(d, false) == 0);
  d.advance(milliseconds(49));
  CHECK(reports(d, false) == 0);
  CHECK(d.pool.saturated());
  d.advance(milliseconds(1));
  CHECK(reports(d, false) == 1);
  CHECK_FALSE(d.pool.saturated());
  CHECK_FALSE(d.pool.next_deadline());
  d.serve_one();
  d.advance(milliseconds(200));
  CHECK(d.count<action::ReportSaturation>() == 2);
}

TEST_CASE("a pool that is stopped while it is saturated leaves no deadline behind") {
  PoolDriver d(pool_of(1));
  d.ready_all();
  const Ticket first = d.accept();
  const Ticket second = d.accept();
  d.busy(first);
  d.idle(first);
  d.handle(event::StopRequested{});
  d.busy(second);
  d.idle(second);
  d.leave_all();
  REQUIRE(d.pool.phase() == Pool::Phase::kStopped);
  CHECK_FALSE(d.pool.next_deadline());
}

TEST_CASE("a connection that comes back from a dead worker is reported with the worker that gets it next") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  const Ticket ticket = d.accept();
  CHECK(d.count<action::ReportRedispatched>() == 0);
  d.exit(d.holder(ticket), PoolDriver::kKilled);
  CHECK(d.count<action::ReportRedispatched>() == 1);
  const auto& report = d.last<action::ReportRedispatched>();
  CHECK(report.ticket == ticket);
  CHECK(report.worker == d.holder(ticket));
  CHECK(report.times == 1);
}

TEST_CASE("failures that the operator has declared mended delay no start, and their end is still reported") {
  PoolDriver d(pool_of(1));
  for (int i = 0; i < 6; ++i) {
    d.exit(d.started.back());
    d.advance(std::chrono::seconds(40));
  }
  d.exit(d.started.back());
  const std::size_t starts = d.started.size();
  REQUIRE(d.pool.lifecycle().failures() == 7);
  d.handle(event::FailuresForgotten{});
  CHECK(d.started.size() == starts + 1);
  CHECK(d.pool.lifecycle().failures() == 0);
  d.forget();
  d.ready_all();
  d.serve_one();
  CHECK(d.last<action::ReportStarts>().failures == 0);
}

TEST_CASE("forgetting failures where there are none changes nothing") {
  PoolDriver d(pool_of(2));
  d.ready_all();
  d.forget();
  d.handle(event::FailuresForgotten{});
  CHECK(d.actions.empty());
}

}  // namespace
}  // namespace prefork
