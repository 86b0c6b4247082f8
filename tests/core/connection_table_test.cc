#include "supervisor/core/connection_table.h"

#include <doctest/doctest.h>

#include <vector>

namespace prefork {
namespace {

constexpr Instant kNow = Instant{} + std::chrono::hours(1);
constexpr WorkerId kWorker{(1U << 16U) | 3U};

struct Table {
  Ticket add() {
    const Ticket ticket = ids.allocate();
    table.add(ticket, 0, kNow);
    return ticket;
  }
  Ticket enqueue(bool came_back = false, Instant now = kNow) {
    const Ticket ticket = add();
    table.enqueue(row(ticket), now, came_back);
    return ticket;
  }
  ConnectionRow& row(Ticket ticket) { return *table.find(ticket); }
  SlotAllocator<Ticket> ids;
  ConnectionTable table;
};

TEST_CASE("FAULTS 534: for an earlier version a connection that may lack its receipt is begun") {
  Table t;
  const Ticket late = t.enqueue();
  const Ticket looked_at = t.enqueue();
  const Ticket strict = t.enqueue();
  for (const Ticket ticket : {late, looked_at, strict}) t.table.assign(t.row(ticket), kWorker, kNow);
  for (const Ticket ticket : {late, looked_at}) t.table.allow_late_receipt(t.row(ticket));
  t.table.forget_receipt(t.row(looked_at));
  t.table.await_receipt(t.row(looked_at));
  const ConnectionContents contents = t.table.contents();
  for (const ConnectionRow& row : contents.held)
    CHECK(row.state == (row.ticket == strict ? ConnectionState::kDispatched : ConnectionState::kBusy));
  CHECK(contents.receipts == std::vector{strict});

  ConnectionTable restored;
  restored.fill(contents);
  for (const Ticket ticket : {late, looked_at, strict})
    CHECK(restored.find(ticket)->state == ConnectionState::kDispatched);
  CHECK(restored.begun() == 0);
  CHECK(restored.longest_late()->ticket == late);
  CHECK(restored.broken_invariant() == nullptr);
}

TEST_CASE("connections leave the queue in the order in which they came") {
  Table t;
  const Ticket first = t.enqueue();
  const Ticket second = t.enqueue();
  CHECK(t.table.queued() == 2);
  CHECK(t.table.front({})->ticket == first);
  t.table.assign(t.row(first), kWorker, kNow);
  CHECK(t.table.front({})->ticket == second);
  CHECK(t.table.queued() == 1);
  CHECK(t.table.broken_invariant() == nullptr);
}

TEST_CASE("connections that came back from a worker go before new ones, in their own order") {
  Table t;
  const Ticket fresh = t.enqueue();
  const Ticket back = t.enqueue(/*came_back=*/true);
  const Ticket back_later = t.enqueue(/*came_back=*/true);
  CHECK(t.table.front({})->ticket == back);
  t.table.remove(back);
  CHECK(t.table.front({})->ticket == back_later);
  t.table.remove(back_later);
  CHECK(t.table.front({})->ticket == fresh);
}

TEST_CASE("a connection whose dispatch failed gets its old place back") {
  Table t;
  const Ticket first = t.enqueue(false, kNow);
  const Ticket second = t.enqueue(false, kNow + std::chrono::seconds(1));
  t.table.assign(t.row(first), kWorker, kNow);
  t.table.assign(t.row(second), kWorker, kNow);
  const Ticket back = t.enqueue(/*came_back=*/true, kNow + std::chrono::seconds(2));
  for (const Ticket failed : {first, second}) {
    t.table.unassign(t.row(failed));
    t.table.requeue(t.row(failed), kNow + std::chrono::seconds(3));
  }
  for (const Ticket expected : {first, second, back}) {
    CHECK(t.table.front({})->ticket == expected);
    CHECK(t.table.longest_queued()->ticket == expected);
    t.table.remove(expected);
  }
  CHECK(t.table.broken_invariant() == nullptr);
}

TEST_CASE("the connection that has been queued longest is found in either list") {
  Table t;
  const Ticket fresh = t.enqueue(false, kNow);
  const Ticket back = t.enqueue(true, kNow + std::chrono::seconds(1));
  CHECK(t.table.longest_queued()->ticket == fresh);
  t.table.remove(fresh);
  CHECK(t.table.longest_queued()->ticket == back);
  t.table.remove(back);
  CHECK(t.table.longest_queued() == nullptr);
}

TEST_CASE("a connection can be taken out of the middle of the queue") {
  Table t;
  const Ticket first = t.enqueue();
  const Ticket middle = t.enqueue();
  const Ticket last = t.enqueue();
  t.table.remove(middle);
  CHECK(t.table.find(middle) == nullptr);
  t.table.remove(first);
  CHECK(t.table.front({})->ticket == last);
  CHECK(t.table.broken_invariant() == nullptr);
}

TEST_CASE("a receipt is awaited from the dispatch to the beginning") {
  Table t;
  const Ticket ticket = t.enqueue();
  CHECK(t.table.longest_without_receipt() == nullptr);
  t.table.assign(t.row(ticket), kWorker, kNow);
  CHECK(t.table.longest_without_receipt()->ticket == ticket);
  CHECK(t.table.first_held(kWorker)->ticket == ticket);
  t.table.begin(t.row(ticket), kNow, kNow);
  CHECK(t.table.longest_without_receipt() == nullptr);
  CHECK(t.table.first_held(kWorker)->ticket == ticket);
  CHECK(t.table.broken_invariant() == nullptr);
}

TEST_CASE("the connections of a worker are listed until they are taken from it") {
  Table t;
  const Ticket one = t.enqueue();
  const Ticket two = t.enqueue();
  t.table.assign(t.row(one), kWorker, kNow);
  t.table.assign(t.row(two), kWorker, kNow);
  CHECK(t.table.next_held(*t.table.first_held(kWorker))->ticket == two);
  t.table.unassign(t.row(one));
  t.table.enqueue(t.row(one), kNow, /*came_back=*/true);
  CHECK(t.table.first_held(kWorker)->ticket == two);
  t.table.remove(two);
  CHECK(t.table.first_held(kWorker) == nullptr);
  CHECK(t.table.broken_invariant() == nullptr);
}

TEST_CASE("the ticket of an ended connection finds nothing, even when its slot has a new owner") {
  Table t;
  const Ticket old = t.enqueue();
  t.table.remove(old);
  t.ids.release(old);
  const Ticket young = t.enqueue();
  CHECK(young.slot() == old.slot());
  CHECK(young > old);
  CHECK(t.table.find(old) == nullptr);
  CHECK(t.table.find(young) != nullptr);
  CHECK(t.table.find(Ticket{}) == nullptr);
  CHECK(t.table.size() == 1);
}

}  // namespace
}  // namespace prefork
