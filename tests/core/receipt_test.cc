// A connection that no worker has begun is never lost, and one that was begun is never given to a second
// worker, whichever worker dies.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using How = action::End::How;
using std::chrono::seconds;

PoolSettings holding(Hold hold, std::size_t workers = 2, std::uint32_t slots = 1) {
  PoolSettings settings;
  settings.workers = workers;
  settings.slots = slots;
  settings.hold = hold;
  return settings;
}
constexpr auto kReceipt = Hold::kReceipt;
constexpr auto kDone = Hold::kDone;

/// Its only worker is ready, and gets at most so many connections that it has not begun.
struct WithLimit : PoolDriver {
  WithLimit(std::uint32_t slots, std::uint32_t most) : PoolDriver(holding(kReceipt, 1, slots)) {
    most_unreceived = most;
    ready_all(slots);
  }
};

TEST_CASE("the receipt closes the supervisor's copy, unless the pool holds it until the worker is done") {
  PoolDriver receipt(holding(kReceipt));
  receipt.ready_all();
  receipt.busy(receipt.accept());
  CHECK(receipt.count<action::CloseCopy>() == 1);
  PoolDriver done(holding(kDone));
  done.ready_all();
  const Ticket ticket = done.accept();
  done.busy(ticket);
  CHECK(done.count<action::CloseCopy>() == 0);
  done.idle(ticket);
  CHECK(done.ended(ticket) == How::kClose);
}

TEST_CASE("a worker gets no more than it may have without a receipt, and the next one with a receipt") {
  WithLimit d(3, 1);
  const Ticket first = d.accept();
  const Ticket second = d.accept();
  const Ticket third = d.accept();
  CHECK(d.holder(first));
  CHECK_FALSE(d.holder(second));
  SUBCASE("begun") { d.busy(first); }
  SUBCASE("not sent") {
    d.handle(event::DispatchFailed{d.holder(first), first, event::DispatchFailed::Cause::kBadConnection});
  }
  CHECK(d.holder(second));
  CHECK_FALSE(d.holder(third));
  d.refuse(second);
  d.advance(Dispatcher::kPause);
  CHECK(d.holder(third));  // it has not come back
  CHECK_FALSE(d.holder(second));
  d.busy(third);
  CHECK(d.holder(second));
}

TEST_CASE("with several that it has not begun a worker gets the next one for each receipt, in any order") {
  WithLimit d(5, 2);
  const Ticket first = d.accept();
  const Ticket second = d.accept();
  const Ticket third = d.accept();
  const Ticket fourth = d.accept();
  CHECK(d.holder(second));
  CHECK_FALSE(d.holder(third));
  d.busy(second);
  CHECK(d.holder(third));
  CHECK_FALSE(d.holder(fourth));
  d.idle(second);
  CHECK_FALSE(d.holder(fourth));  // a free slot is no receipt
  d.busy(first);
  CHECK(d.holder(fourth));
  const WorkerId worker = d.holder(fourth);
  CHECK(d.pool.workers().find(worker)->unreceived == 2);
}

TEST_CASE("FAULTS 552: with several on their way receipt_timeout begins again with each receipt") {
  WithLimit d(5, 3);
  REQUIRE(PoolSettings().receipt_timeout == seconds(10));
  const Ticket first = d.accept();
  const Ticket second = d.accept();
  const Ticket third = d.accept();
  const WorkerId worker = d.holder(third);
  d.advance(seconds(9));
  d.busy(first);
  d.advance(seconds(9));
  SUBCASE("begun") { d.busy(second); }
  SUBCASE("refused") { d.refuse(second); }
  d.advance(seconds(9));
  CHECK_FALSE(d.row(worker).kill_sent);
  CHECK(d.holder(third) == worker);
  d.advance(seconds(1));
  CHECK(d.row(worker).kill_sent);
  CHECK(d.row(worker).reason == StopReason::kReceiptTimeout);
}

TEST_CASE("FAULTS 2: a connection whose worker dies before the receipt goes to another worker at once") {
  for (const auto hold : {kReceipt, kDone}) {
    PoolDriver d(holding(hold));
    d.ready_all();
    const Ticket ticket = d.accept();
    const WorkerId dead = d.holder(ticket);
    d.exit(dead, PoolDriver::kKilled);
    REQUIRE(d.holder(ticket));
    CHECK(d.holder(ticket) != dead);
    CHECK(d.count<action::Inspect>() == 0);
    CHECK(d.pool.counters().redispatched == 1);
    CHECK(d.last<action::ReportDeath>().record.held_unbegun == 1);
    d.busy(ticket);
    d.idle(ticket);
    CHECK(d.pool.counters().served == 1);
  }
}

TEST_CASE("FAULTS 2: without another worker the connection waits for the next one, before all others") {
  PoolDriver d(holding(kReceipt, 1));
  d.ready_all();
  const Ticket ticket = d.accept();
  const Ticket later = d.accept();
  d.exit(d.holder(ticket), PoolDriver::kKilled);
  d.advance(seconds(1));
  d.ready_all();
  CHECK(d.holder(ticket) == d.started.back());
  CHECK_FALSE(d.holder(later));
}

TEST_CASE("FAULTS 3: a begun connection that is held and untouched goes to another worker") {
  PoolDriver d(holding(kDone));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId dead = d.holder(ticket);
  d.busy(ticket);
  d.exit(dead, PoolDriver::kKilled);
  CHECK(d.last<action::Inspect>().ticket == ticket);
  CHECK_FALSE(d.ended(ticket));
  d.handle(event::Inspected{ticket, /*untouched=*/true});
  REQUIRE(d.holder(ticket));
  CHECK(d.holder(ticket) != dead);
  CHECK(d.pool.counters().lost == 0);
}

TEST_CASE("FAULTS 4: a held connection of which a byte was consumed is lost, and cut at once") {
  PoolDriver d(holding(kDone));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  d.exit(d.holder(ticket), PoolDriver::kKilled);
  d.handle(event::Inspected{ticket, /*untouched=*/false});
  CHECK(d.ended(ticket) == How::kCut);
  CHECK(d.pool.counters().lost == 1);
  CHECK(d.last<action::ReportDeath>().record.held_begun == 1);
}

TEST_CASE("FAULTS 5: a begun connection that is not held is lost and never given to a second worker") {
  PoolDriver d(holding(kReceipt));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  d.exit(d.holder(ticket), PoolDriver::kKilled);
  CHECK(d.ended(ticket) == How::kClose);
  CHECK(d.count<action::Inspect>() == 0);
  CHECK(d.count<action::Dispatch>() == 1);
  CHECK(d.pool.counters().lost == 1);
}

TEST_CASE("FAULTS 6: a connection that was finished before the death is not played again") {
  for (const auto hold : {kReceipt, kDone}) {
    PoolDriver d(holding(hold));
    d.ready_all();
    const Ticket ticket = d.accept();
    const WorkerId worker = d.holder(ticket);
    d.busy(ticket);
    d.idle(ticket);
    d.exit(worker, PoolDriver::kKilled);
    CHECK(d.count<action::Dispatch>() == 1);
    CHECK(d.count<action::End>() == 1);
    CHECK(d.pool.counters().served == 1);
    CHECK(d.pool.counters().lost == 0);
  }
}

TEST_CASE("FAULTS 7: a connection that kills three workers is closed and named") {
  PoolDriver d(holding(kReceipt, 4));
  d.ready_all();
  const Ticket ticket = d.accept();
  for (int deaths = 1; deaths <= 3; ++deaths) {
    REQUIRE(d.holder(ticket));
    d.exit(d.holder(ticket), PoolDriver::kKilled);
  }
  CHECK(d.ended(ticket) == How::kCrash);
  CHECK(d.last<action::ReportGaveUp>().ticket == ticket);
  CHECK(d.pool.counters().gave_up == 1);
  CHECK(d.pool.counters().redispatched == Dispatcher::kMaxRedispatches);
}

TEST_CASE(
    "FAULTS 555: what lies behind the first of several on their way is not what has killed the worker") {
  WithLimit d(5, 3);
  const Ticket kills = d.accept();
  const Ticket behind = d.accept();
  const Ticket last = d.accept();
  for (int deaths = 1; deaths <= 3; ++deaths) {
    REQUIRE(d.holder(kills));
    d.exit(d.holder(kills), PoolDriver::kKilled);
    d.advance(seconds(10));
    d.ready_all(5);
  }
  CHECK(d.ended(kills) == How::kCrash);
  CHECK(d.pool.counters().gave_up == 1);
  CHECK(d.count<action::ReportGaveUp>() == 1);
  for (const Ticket ticket : {behind, last}) {
    REQUIRE(d.holder(ticket));
    CHECK(d.last<action::Dispatch>().came_back);
    d.busy(ticket);
    d.idle(ticket);
  }
  CHECK(d.pool.counters().served == 2);
}

TEST_CASE("FAULTS 7: a connection that two workers began and died of is closed and named") {
  PoolDriver d(holding(kDone, 4));
  d.ready_all();
  const Ticket ticket = d.accept();
  for (int deaths = 1; deaths <= 2; ++deaths) {
    REQUIRE(d.holder(ticket));
    d.busy(ticket);
    d.exit(d.holder(ticket), PoolDriver::kKilled);
    d.handle(event::Inspected{ticket, /*untouched=*/true, /*answered=*/false});
  }
  CHECK(d.ended(ticket) == How::kCrash);
  CHECK(d.last<action::ReportGaveUp>().ticket == ticket);
  CHECK(d.pool.counters().gave_up == 1);
  CHECK(d.pool.counters().redispatched == 1);
}

TEST_CASE("FAULTS 117: one worker may refuse a connection any number of times: another worker serves it") {
  PoolDriver d(holding(kReceipt, 2));
  d.ready_all();
  const Ticket occupies = d.accept();
  d.busy(occupies);
  const Ticket ticket = d.accept();
  const WorkerId refusing = d.holder(ticket);
  for (int times = 1; times <= 10; ++times) {
    REQUIRE(d.holder(ticket) == refusing);
    d.refuse(ticket);
    d.advance(Dispatcher::kPause);
  }
  CHECK(d.pool.counters().redispatched == 1);
  d.refuse(ticket);
  const WorkerId other = d.holder(occupies);
  d.idle(occupies);
  CHECK(d.holder(ticket) == other);
  d.busy(ticket);
  d.idle(ticket);
  CHECK(d.pool.counters().served == 2);
  CHECK(d.pool.counters().gave_up == 0);
}

TEST_CASE("FAULTS 117: what a worker refused waits for another worker while this one has other work") {
  PoolDriver d(holding(kReceipt, 2));
  d.ready_all();
  const Ticket occupies = d.accept();
  d.busy(occupies);
  const Ticket refused = d.accept();
  const WorkerId refusing = d.holder(refused);
  const Ticket later = d.accept();
  d.refuse(refused);
  d.advance(Dispatcher::kPause);
  CHECK(d.holder(later) == refusing);
  d.idle(occupies);
  CHECK(d.holder(refused) != refusing);
  CHECK(d.holder(refused));
}

TEST_CASE("FAULTS 117: a connection that three workers refuse is closed and named") {
  PoolDriver d(holding(kReceipt, 4));
  d.ready_all();
  const Ticket ticket = d.accept();
  for (int workers = 1; workers <= 3; ++workers) {
    REQUIRE(d.holder(ticket));
    d.refuse(ticket);
  }
  CHECK(d.ended(ticket) == How::kCrash);
  CHECK(d.last<action::ReportGaveUp>().times == 3);
}

TEST_CASE("FAULTS 117: a connection that its only worker refuses waits no longer than the queue's timeout") {
  PoolDriver d(holding(kReceipt, 1));
  d.ready_all();
  const Ticket ticket = d.accept();
  const Instant accepted = d.now;
  while (!d.ended(ticket) && d.now < accepted + std::chrono::hours(1)) {
    if (d.holder(ticket)) d.refuse(ticket);
    d.advance(Dispatcher::kPause);
  }
  CHECK(d.ended(ticket) == How::kReject);
  CHECK(d.now - accepted <= d.pool.settings().queue_timeout + 2 * Dispatcher::kPause);
  CHECK(d.pool.counters().expired == 1);
}

TEST_CASE("a held connection of which bytes were consumed and none answered gets the crash reply") {
  PoolDriver d(holding(kDone));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  d.exit(d.holder(ticket), PoolDriver::kKilled);
  d.handle(event::Inspected{ticket, /*untouched=*/false, /*answered=*/false});
  CHECK(d.ended(ticket) == How::kCrash);
  CHECK(d.pool.counters().lost == 1);
}

TEST_CASE("FAULTS 143: a connection that is closed because it came back too often goes to no other worker") {
  PoolDriver d(holding(kReceipt, 4));
  d.ready_all();
  const Ticket ticket = d.accept();
  const auto death = [&] { return d.last<action::ReportDeath>().record; };
  for (unsigned i = 0; i < Dispatcher::kMaxRedispatches; ++i) {
    d.exit(d.holder(ticket), PoolDriver::kKilled);
    CHECK(death().held_unbegun == 1);
    CHECK(death().held_closed == 0);
  }
  d.exit(d.holder(ticket), PoolDriver::kKilled);
  CHECK(d.pool.counters().gave_up == 1);
  CHECK(death().held_unbegun == 0);
  CHECK(death().held_closed == 1);
}

TEST_CASE("FAULTS 143: what a worker had not begun goes to no other worker when the pool stops at once") {
  PoolDriver d(holding(kReceipt));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId worker = d.holder(ticket);
  d.handle(event::StopRequested{true});
  d.exit(worker, Exit{Exit::Kind::kSignaled, SIGTERM});
  CHECK(d.pool.counters().discarded == 1);
  CHECK(d.last<action::ReportDeath>().record.held_unbegun == 0);
  CHECK(d.last<action::ReportDeath>().record.held_closed == 1);
}

TEST_CASE("FAULTS 144: a death by any signal of the supervisor is told as that, by another signal is not") {
  PoolSettings settings = holding(kReceipt);
  settings.stuck_signal = KillSignal::kAbort;
  settings.busy_timeout = seconds(5);
  const auto killed_by_us = [](PoolDriver& d, WorkerId worker, int number) {
    d.exit(worker, Exit{Exit::Kind::kSignaled, number});
    return d.last<action::ReportDeath>().record.killed_by_us;
  };
  PoolDriver d(settings);
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId stuck = d.holder(ticket);
  d.busy(ticket);
  d.advance(seconds(5));
  SUBCASE("SIGABRT to one that is stuck") { CHECK(killed_by_us(d, stuck, SIGABRT)); }
  SUBCASE("SIGTERM to all at a quick stop") {
    d.handle(event::StopRequested{true});
    for (const WorkerId worker : d.rows())
      CHECK(killed_by_us(d, worker, worker == stuck ? SIGABRT : SIGTERM));
  }
  SUBCASE("another signal than the one that was sent") { CHECK_FALSE(killed_by_us(d, stuck, SIGSEGV)); }
  SUBCASE("the same signal from elsewhere") {
    for (const WorkerId worker : d.rows()) {
      if (worker != stuck) CHECK_FALSE(killed_by_us(d, worker, SIGTERM));
    }
  }
}

TEST_CASE(
    "FAULTS 9: a worker that sends no receipt in time is killed, and its connection waits until it is "
    "reaped") {
  PoolDriver d(holding(kReceipt));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId hung = d.holder(ticket);
  d.advance(d.pool.settings().receipt_timeout - seconds(1));
  CHECK_FALSE(d.killed(hung));
  d.advance(seconds(1));
  CHECK(d.killed(hung));
  CHECK(d.holder(ticket) == hung);  // two workers never hold one conversation
  d.exit(hung, PoolDriver::kKilled);
  CHECK(d.holder(ticket) != hung);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kReceiptTimeout);
  CHECK(d.last<action::ReportDeath>().record.killed_by_us);
}

TEST_CASE(
    "FAULTS 84: a worker that blocks a connection's socket is killed, and what it had not begun goes on") {
  PoolDriver d(holding(kReceipt));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId worker = d.holder(ticket);
  d.handle(event::SocketBlocked{worker, Ticket{99}});
  CHECK(d.killed(worker));
  CHECK(d.last<action::ReportSocketBlocked>().killed);
  CHECK(d.last<action::ReportSocketBlocked>().ticket == Ticket{99});
  d.handle(event::SocketBlocked{worker, ticket});
  CHECK_FALSE(d.last<action::ReportSocketBlocked>().killed);
  d.exit(worker, PoolDriver::kKilled);
  CHECK(d.last<action::ReportDeath>().record.reason == StopReason::kSocketBlocked);
  CHECK(d.holder(ticket) != worker);
  // It has left a process behind.
  d.handle(event::SocketBlocked{worker, ticket});
  CHECK_FALSE(d.last<action::ReportSocketBlocked>().killed);
}

TEST_CASE("FAULTS 9: a receipt that arrives after the kill still counts") {
  PoolDriver d(holding(kReceipt));
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId slow = d.holder(ticket);
  d.advance(d.pool.settings().receipt_timeout);
  REQUIRE(d.killed(slow));
  d.handle(event::WorkerBusy{slow, ticket});
  d.exit(slow, PoolDriver::kKilled);
  CHECK(d.ended(ticket) == How::kClose);
  CHECK(d.pool.counters().lost == 1);
  CHECK(d.count<action::ReportViolation>() == 0);
}

TEST_CASE("FAULTS 120: a worker that claims a connection that it has not received is killed") {
  for (const bool refuses : {false, true}) {
    CAPTURE(refuses);
    PoolDriver d(holding(kReceipt, 2, 3));
    d.ready_all(3);
    const Ticket ticket = d.accept();
    const WorkerId liar = d.holder(ticket);
    if (refuses) {
      d.handle(event::WorkerRefused{liar, ticket, 1});
    } else {
      d.handle(event::WorkerBusy{liar, ticket, 1});
    }
    CHECK(d.killed(liar));
    CHECK(d.last<action::ReportViolation>().violation.what == Violation::What::kNotReceived);
    CHECK(d.count<action::CloseCopy>() == 0);
    CHECK(d.pool.counters().begun == 0);
    d.exit(liar, PoolDriver::kKilled);
    CHECK(d.holder(ticket) != liar);  // nothing is lost
    CHECK(d.holder(ticket));
  }
}

TEST_CASE("FAULTS 120: what was sent to a worker later may be unread in its channel") {
  PoolDriver d(holding(kReceipt, 1, 3));
  d.ready_all(3);
  const Ticket first = d.accept();
  const Ticket second = d.accept();
  const Ticket third = d.accept();
  const WorkerId worker = d.holder(first);
  d.handle(event::WorkerBusy{worker, first, 2});
  d.handle(event::WorkerBusy{worker, second, std::nullopt});
  CHECK_FALSE(d.killed(worker));
  d.handle(event::WorkerBusy{worker, third, 1});
  CHECK(d.killed(worker));
}

TEST_CASE("FAULTS 120: a connection that could not be sent is not held against the worker") {
  PoolDriver d(holding(kReceipt, 1, 3));
  d.ready_all(3);
  const Ticket ticket = d.accept();
  const WorkerId worker = d.holder(ticket);
  const Ticket failed = d.accept();
  d.handle(event::DispatchFailed{worker, failed, event::DispatchFailed::Cause::kWorkerFull});
  d.handle(event::WorkerBusy{worker, ticket, 0});
  d.advance(Dispatcher::kPause);
  REQUIRE(d.holder(failed) == worker);
  d.handle(event::WorkerBusy{worker, failed, 0});
  CHECK_FALSE(d.killed(worker));
  CHECK(d.pool.counters().begun == 2);
}

TEST_CASE("FAULTS 120: connections that could not be sent hide no connection that is unread") {
  PoolDriver d(holding(kReceipt, 1, 3));
  d.ready_all(3);
  const Ticket ticket = d.accept();
  const WorkerId worker = d.holder(ticket);
  const Ticket failed = d.accept();
  const Ticket last = d.accept();
  d.handle(event::DispatchFailed{worker, failed, event::DispatchFailed::Cause::kBadConnection});
  SUBCASE("before them") { d.handle(event::WorkerBusy{worker, ticket, 2}); }
  SUBCASE("behind them") { d.handle(event::WorkerBusy{worker, last, 1}); }
  CHECK(d.killed(worker));
}

TEST_CASE("FAULTS 208: a connection that came back may be sent after those that were dispatched later") {
  PoolDriver d(holding(kReceipt, 2, 4));
  d.ready_all(4);
  const Ticket came_back = d.accept();
  const WorkerId dead = d.holder(came_back);
  d.exit(dead, PoolDriver::kKilled);
  const WorkerId worker = d.holder(came_back);
  REQUIRE(worker != dead);
  const Ticket second = d.accept();
  const Ticket third = d.accept();
  d.handle(event::WorkerBusy{worker, second, 1});  // the third, or the one that came back
  d.handle(event::WorkerBusy{worker, third, 1});   // the one that came back
  CHECK_FALSE(d.killed(worker));
  SUBCASE("nothing is unread once it is begun") { d.busy(came_back); }
  SUBCASE("a worker that claims what is unread is found out all the same") {
    d.handle(event::WorkerBusy{worker, d.accept(), 2});
    CHECK(d.killed(worker));
  }
}

TEST_CASE("a worker that is busy is not asked for another receipt") {
  PoolDriver d(holding(kReceipt));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.busy(ticket);
  d.advance(std::chrono::hours(24));
  CHECK(d.count<action::SignalWorker>() == 0);
  d.idle(ticket);
  CHECK(d.pool.counters().served == 1);
}

TEST_CASE("of several connections in one worker's hands each has the fate of its own state") {
  PoolDriver d(holding(kReceipt, 1, 3));
  d.ready_all(3);
  const Ticket begun = d.accept();
  const Ticket unbegun = d.accept();
  const Ticket finished = d.accept();
  d.busy(begun);
  d.busy(finished);
  d.idle(finished);
  d.exit(d.started[0], PoolDriver::kKilled);
  CHECK(d.ended(begun) == How::kClose);
  CHECK(d.connection(unbegun)->state == ConnectionState::kQueued);
  CHECK(d.pool.counters().lost == 1);
  CHECK(d.pool.counters().served == 1);
}

TEST_CASE("a reload that changes what is held counts from the next receipt on") {
  PoolDriver d(holding(kReceipt, 2));
  d.ready_all();
  const Ticket closed = d.accept();
  d.busy(closed);
  const Ticket open = d.accept();
  d.handle(event::SettingsChanged{holding(kDone)});
  d.busy(open);
  d.exit(d.holder(closed), PoolDriver::kKilled);
  CHECK(d.ended(closed) == How::kClose);  // there is no copy to inspect
  d.handle(event::SettingsChanged{holding(kReceipt)});
  d.exit(d.holder(open), PoolDriver::kKilled);
  CHECK(d.last<action::Inspect>().ticket == open);
  CHECK_FALSE(d.ended(open));
}

TEST_CASE("the answer to an inspection without a question changes nothing") {
  PoolDriver d(holding(kDone));
  d.ready_all();
  const Ticket ticket = d.accept();
  d.handle(event::Inspected{ticket, true});
  d.handle(event::Inspected{ticket, false});
  d.handle(event::Inspected{Ticket{999}, true});
  CHECK(d.connection(ticket)->state == ConnectionState::kDispatched);
}

}  // namespace
}  // namespace prefork
