// A worker may leave its receipt out: its Idle or Park says that it had begun, and the kernel's counters tell
// it when it dies or takes long.
#include <doctest/doctest.h>

#include <utility>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using How = action::End::How;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ClientAddress kClient = 7;

PoolSettings counted(std::size_t workers = 2) {
  PoolSettings settings;
  settings.workers = workers;
  settings.hold = Hold::kDone;
  settings.keep_alive = PoolSettings::KeepAlive{};
  return settings;
}

bool may_leave_out(PoolDriver& d) { return d.last<action::Dispatch>().late_receipt; }

TEST_CASE("a receipt may be left out where the kernel counts bytes and the supervisor keeps its copy") {
  PoolSettings settings = counted();
  std::uint32_t slots = 1;
  ClientAddress client = kClient;
  bool allowed = false;
  SUBCASE("TCP, one slot, a copy") { allowed = true; }
  SUBCASE("a unix socket") { client = kNoAddress; }
  SUBCASE("several slots") { slots = settings.slots = 2; }
  SUBCASE("no copy") {
    settings.hold = Hold::kReceipt;
    settings.keep_alive.reset();
  }
  PoolDriver d(settings);
  d.ready_all(slots);
  d.accept(client);
  CHECK(may_leave_out(d) == allowed);
}

TEST_CASE("Idle or Park without a receipt say that the worker had begun, since the dispatch") {
  PoolDriver d(counted());
  d.ready_all();
  const Ticket ticket = d.accept(kClient);
  d.advance(milliseconds(20));
  SUBCASE("Idle") {
    d.idle(ticket);
    CHECK(d.ended(ticket) == How::kClose);
  }
  SUBCASE("Park") {
    d.park(ticket);
    CHECK(d.connection(ticket)->state == ConnectionState::kParked);
  }
  CHECK(d.pool.counters().begun == 1);
  CHECK(d.pool.counters().busy_times.total().percentile(0.5) >= milliseconds(15));
  CHECK(d.count<action::ReportViolation>() == 0);
}

TEST_CASE("FAULTS 527: a worker that left its receipt out dies; the counters tell whether it had begun") {
  PoolDriver d(counted(Dispatcher::kMaxKills + 1));
  d.ready_all();
  const Ticket ticket = d.accept(kClient);
  const WorkerId dead = d.holder(ticket);
  d.exit(dead, PoolDriver::kKilled);
  CHECK(d.last<action::Inspect>().ticket == ticket);
  CHECK(d.count<action::Dispatch>() == 1);
  SUBCASE("untouched: it goes to another worker, and is not taken for what kills workers") {
    for (int deaths = 1; deaths <= Dispatcher::kMaxKills; ++deaths) {
      d.handle(event::Inspected{ticket, /*untouched=*/true});
      REQUIRE(d.holder(ticket));
      if (deaths < Dispatcher::kMaxKills) d.exit(d.holder(ticket), PoolDriver::kKilled);
    }
    d.idle(ticket);
    CHECK(d.pool.counters().served == 1);
    CHECK(d.pool.counters().lost == 0);
  }
  SUBCASE("touched: it is lost, and ended at once") {
    d.handle(event::Inspected{ticket, /*untouched=*/false, /*answered=*/true});
    CHECK(d.ended(ticket) == How::kCut);
    CHECK(d.pool.counters().lost == 1);
    CHECK(d.pool.counters().begun == 1);
  }
}

TEST_CASE("FAULTS 527: a receipt for what the worker has not received does not count when it dies") {
  PoolDriver d(counted());
  d.ready_all();
  const Ticket ticket = d.accept(kClient);
  const WorkerId liar = d.holder(ticket);
  d.handle(event::WorkerBusy{liar, ticket, /*unread=*/1});
  CHECK(d.row(liar).reason == StopReason::kViolation);
  d.exit(liar, PoolDriver::kKilled);
  CHECK(d.last<action::Inspect>().ticket == ticket);
}

TEST_CASE("a worker that exits by itself with a connection that nothing says it had begun has not failed") {
  PoolDriver d(counted());
  d.ready_all();
  const Ticket ticket = d.accept(kClient);
  d.exit(d.holder(ticket), PoolDriver::kCleanExit);
  CHECK(d.pool.counters().crashes == 0);
}

TEST_CASE("FAULTS 528: a receipt that was left out for long is replaced by a look") {
  PoolSettings settings = counted(1);
  settings.receipt_timeout = seconds(2);
  settings.busy_timeout = seconds(5);
  PoolDriver d(settings);
  d.ready_all();
  const Ticket ticket = d.accept(kClient);
  const WorkerId worker = d.holder(ticket);
  d.advance(Dispatcher::kLateReceipt);
  REQUIRE(d.count<action::Inspect>() == 1);
  SUBCASE("touched: it is begun, and busy_timeout runs") {
    d.handle(event::Inspected{ticket, /*untouched=*/false});
    CHECK(d.pool.counters().begun == 1);
    d.advance(seconds(3));
    CHECK(d.row(worker).reason == StopReason::kNone);
    SUBCASE("a receipt that comes then changes nothing") {
      d.busy(ticket);
      CHECK(d.pool.counters().begun == 1);
      d.busy(ticket);
      CHECK(d.row(worker).reason == StopReason::kViolation);
    }
    SUBCASE("it is not dismissed before its time") {
      d.advance(seconds(3));
      CHECK(d.row(worker).reason == StopReason::kBusyTimeout);
    }
  }
  SUBCASE("untouched: the receipt is awaited, since the dispatch") {
    d.handle(event::Inspected{ticket, /*untouched=*/true});
    d.advance(seconds(2) - Dispatcher::kLateReceipt - milliseconds(1));
    CHECK(d.row(worker).reason == StopReason::kNone);
    d.advance(milliseconds(1));
    REQUIRE(d.count<action::Inspect>() == 2);
    SUBCASE(
        "FAULTS 530: untouched at its end, too: the worker is killed, and its death is looked at as any") {
      CHECK(d.row(worker).reason == StopReason::kNone);
      d.handle(event::Inspected{ticket, /*untouched=*/true});
      d.advance(milliseconds(1));
      CHECK(d.row(worker).reason == StopReason::kReceiptTimeout);
      d.exit(worker, PoolDriver::kKilled);
      CHECK(d.count<action::Inspect>() == 3);  // it may have begun meanwhile
    }
    SUBCASE("FAULTS 530: touched at its end: the worker began it after the first look, and works on it") {
      d.handle(event::Inspected{ticket, /*untouched=*/false});
      d.advance(seconds(1));
      CHECK(d.row(worker).reason == StopReason::kNone);
      CHECK(d.pool.counters().begun == 1);
      d.idle(ticket);
      CHECK(d.pool.counters().served == 1);
    }
  }
}

TEST_CASE("FAULTS 528: the answer to a look that is overtaken says nothing of a later dispatch") {
  PoolDriver d(counted(1));
  d.ready_all();
  const Ticket ticket = d.accept(kClient);
  d.advance(Dispatcher::kLateReceipt);
  REQUIRE(d.count<action::Inspect>() == 1);
  SUBCASE("the worker has parked it, and has it again") {
    d.park(ticket);
    d.see(ticket, event::ClientSign::kAsks);
    REQUIRE(d.holder(ticket));
    CHECK_FALSE(may_leave_out(d));
    d.handle(event::Inspected{ticket, /*untouched=*/false});
    CHECK(d.connection(ticket)->state == ConnectionState::kDispatched);
    d.busy(ticket);
    d.idle(ticket);
    CHECK(d.pool.counters().served == 1);
  }
  SUBCASE("the worker has touched it since, and died") {
    d.exit(d.holder(ticket), PoolDriver::kKilled);
    d.handle(event::Inspected{ticket, /*untouched=*/true});
    d.advance(seconds(1));
    d.ready_all();
    CHECK_FALSE(d.holder(ticket));
    d.handle(event::Inspected{ticket, /*untouched=*/false, /*answered=*/true});
    CHECK(d.ended(ticket) == How::kCut);
  }
}

}  // namespace
}  // namespace prefork
