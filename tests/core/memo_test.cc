// What a worker leaves for the next one with Park, and what a dispatch says about the socket.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <variant>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using event::ClientSign;
using std::chrono::milliseconds;
using std::chrono::seconds;

PoolSettings parking(std::size_t workers = 2) {
  PoolSettings settings;
  settings.workers = workers;
  settings.hold = Hold::kDone;
  settings.keep_alive = PoolSettings::KeepAlive{};
  return settings;
}

/// A pool with a connection that was parked with this memo.
struct Parked : PoolDriver {
  explicit Parked(const std::string& memo, std::size_t workers = 2) : PoolDriver(parking(workers)) {
    ready_all();
    ticket = accept();
    busy(ticket);
    park(ticket, memo);
    forget();
  }
  void ask() { see(ticket, ClientSign::kAsks); }
  [[nodiscard]] const action::Dispatch& dispatched() const { return last<action::Dispatch>(); }

  Ticket ticket;
};

TEST_CASE("the memo of a Park comes with the next dispatch of the connection, and with no other") {
  const std::string memo("a\0b\xff", 4);
  Parked d(memo);
  const Ticket other = d.accept();
  CHECK(d.dispatched().memo.empty());
  d.busy(other);
  d.ask();
  CHECK(d.dispatched().ticket == d.ticket);
  CHECK(d.dispatched().memo == memo);
}

TEST_CASE("each Park replaces the memo, and one without a memo leaves none") {
  Parked d("first");
  d.ask();
  d.busy(d.ticket);
  SUBCASE("by a shorter one") {
    d.park(d.ticket, "2");
    d.ask();
    CHECK(d.dispatched().memo == "2");
  }
  SUBCASE("by the longest") {
    d.park(d.ticket, std::string(kMaxMemo, 'x'));
    d.ask();
    CHECK(d.dispatched().memo == std::string(kMaxMemo, 'x'));
  }
  SUBCASE("by none") {
    d.park(d.ticket);
    d.ask();
    CHECK(d.dispatched().memo.empty());
  }
}

TEST_CASE(
    "FAULTS 310: a Park with a memo of more than 224 bytes ends its worker, and the memo stays as it was") {
  Parked d("old");
  d.ask();
  const WorkerId liar = d.holder(d.ticket);
  d.busy(d.ticket);
  d.park(d.ticket, std::string(kMaxMemo + 1, 'x'));
  CHECK(d.killed(liar));
  CHECK(d.last<action::ReportViolation>().violation.what == Violation::What::kLongMemo);
  d.exit(liar, PoolDriver::kKilled);
  d.handle(event::Inspected{d.ticket, true});
  CHECK(d.holder(d.ticket) != liar);
  CHECK(d.dispatched().memo == "old");
}

TEST_CASE(
    "FAULTS 311: a connection keeps its memo when its worker refuses it, dies, leaves or cannot be reached") {
  Parked d("kept");
  d.ask();
  const WorkerId first = d.holder(d.ticket);
  d.forget();
  SUBCASE("it refuses") { d.refuse(d.ticket); }
  SUBCASE("it dies before it has begun") { d.exit(first, PoolDriver::kKilled); }
  SUBCASE("it dies, and has begun but not touched it") {
    d.busy(d.ticket);
    d.exit(first, PoolDriver::kKilled);
    d.handle(event::Inspected{d.ticket, true});
  }
  SUBCASE("it leaves") { d.handle(event::WorkerLeaves{first}); }
  SUBCASE("it does not read its channel") {
    d.handle(event::DispatchFailed{first, d.ticket, event::DispatchFailed::Cause::kWorkerFull});
  }
  CHECK(d.dispatched().ticket == d.ticket);
  CHECK(d.dispatched().worker != first);
  CHECK(d.dispatched().memo == "kept");
}

TEST_CASE("the bytes of a memo stay where they are while the connections become many") {
  Parked d("stays");
  d.ask();
  const std::string_view memo = d.dispatched().memo;
  d.busy(d.ticket);
  for (int i = 0; i < 500; ++i) (void)d.accept();
  CHECK(memo == "stays");
  CHECK(d.pool.connections().memo(*d.connection(d.ticket)).data() == memo.data());
}

TEST_CASE("the memo of an ended connection is not the memo of the next one in its slot") {
  Parked d("gone");
  d.see(d.ticket, ClientSign::kGone);
  REQUIRE(d.ended(d.ticket));
  const Ticket next = d.accept();
  REQUIRE(next.slot() == d.ticket.slot());
  CHECK(d.dispatched().memo.empty());
}

TEST_CASE("FAULTS 312: memos are carried over into another program") {
  Parked d(std::string("\0any\xff", 5));
  Pool copy(d.pool.settings(), /*seed=*/2, d.now);
  CHECK(copy.restore(d.pool.snapshot()) == "");
  CHECK(copy.broken_invariant() == nullptr);
  Actions actions;
  copy.handle(event::ClientSeen{d.ticket, ClientSign::kAsks}, d.now, actions);
  const auto* dispatch = std::get_if<action::Dispatch>(&actions.front());
  REQUIRE(dispatch != nullptr);
  CHECK(dispatch->memo == std::string("\0any\xff", 5));
}

TEST_CASE("a parked connection has waited since its client asked, not since it was accepted or parked") {
  Parked d("", 1);
  const Instant accepted = d.connection(d.ticket)->accepted_at;
  d.advance(seconds(3));
  d.ask();
  CHECK(d.dispatched().waited == Duration::zero());
  CHECK(d.dispatched().accepted_at == accepted);
  d.busy(d.ticket);
  d.park(d.ticket);
  d.advance(seconds(2));
  const Ticket other = d.accept();  // the only worker has something else to do
  d.busy(other);
  d.ask();
  d.advance(milliseconds(7));
  d.idle(other);
  CHECK(d.dispatched().ticket == d.ticket);
  CHECK(d.dispatched().waited == milliseconds(7));
  SUBCASE("it comes back from a worker: its wait goes on") {
    d.advance(milliseconds(5));
    d.exit(d.started[0], PoolDriver::kKilled);
    d.ready_all();
    CHECK(d.dispatched().ticket == d.ticket);
    CHECK(d.dispatched().waited >= milliseconds(12));
  }
}

TEST_CASE("a dispatch says whether the supervisor keeps its copy after the receipt") {
  PoolSettings settings;
  SUBCASE("hold: receipt") { settings.hold = Hold::kReceipt; }
  SUBCASE("hold: done") { settings.hold = Hold::kDone; }
  SUBCASE("it may be parked") { settings = parking(); }
  PoolDriver d(settings);
  d.ready_all();
  const Ticket ticket = d.accept();
  const bool kept = d.last<action::Dispatch>().copy_kept;
  d.busy(ticket);
  CHECK(kept == (settings.hold == Hold::kDone));
  CHECK(kept == (d.count<action::CloseCopy>() == 0));
}

TEST_CASE("a PROXY header is expected until a worker has parked the connection") {
  PoolDriver d(parking());
  d.ready_all();
  const Ticket ticket = Ticket::make(1000, 1);
  d.handle(event::Accepted{ticket, 0, kNoAddress, /*proxied=*/true});
  CHECK(d.last<action::Dispatch>().proxied);
  d.refuse(ticket);
  CHECK(d.last<action::Dispatch>().proxied);
  d.busy(ticket);
  d.park(ticket);
  d.see(ticket, ClientSign::kAsks);
  CHECK_FALSE(d.last<action::Dispatch>().proxied);
}

}  // namespace
}  // namespace prefork
