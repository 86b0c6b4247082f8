// The addresses of clients take turns, and none of them can keep the others out of the queue.
#include <doctest/doctest.h>

#include <vector>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using How = action::End::How;
constexpr ClientAddress kCrowd = 1;
constexpr ClientAddress kOther = 2;
constexpr ClientAddress kThird = 3;

PoolSettings fair() {
  PoolSettings settings;
  settings.workers = 1;
  settings.queue_max = 6;
  settings.full = QueueFull::kReject;
  settings.fairness = QueueFairness::kAddress;
  return settings;
}

/// One worker, which is busy.
struct Busy {
  explicit Busy(const PoolSettings& settings) : d(settings) {
    d.ready_all();
    held = d.accept();
    d.busy(held);
  }
  std::vector<Ticket> accept(ClientAddress client, int count) {
    std::vector<Ticket> all;
    for (int i = 0; i < count; ++i) all.push_back(d.accept(client));
    return all;
  }
  /// The connection that gets the worker when it is free.
  Ticket serve() {
    d.idle(held);
    held = d.last<action::Dispatch>().ticket;
    d.busy(held);
    return held;
  }
  PoolDriver d;
  Ticket held;
};

TEST_CASE("addresses take turns, each in its own order") {
  Busy busy(fair());
  const auto crowd = busy.accept(kCrowd, 3);
  const auto other = busy.accept(kOther, 2);
  const auto third = busy.accept(kThird, 1);
  for (const Ticket next : {crowd[0], other[0], third[0], crowd[1], other[1], crowd[2]})
    CHECK(busy.serve() == next);
}

TEST_CASE("without fairness connections are served in the order of arrival, from any address") {
  PoolSettings settings = fair();
  settings.fairness = QueueFairness::kNone;
  Busy busy(settings);
  const auto crowd = busy.accept(kCrowd, 3);
  const auto other = busy.accept(kOther, 2);
  for (const Ticket next : {crowd[0], crowd[1], crowd[2], other[0], other[1]}) CHECK(busy.serve() == next);
}

TEST_CASE("an address that comes back to the queue has its turn after the addresses that wait") {
  Busy busy(fair());
  const auto crowd = busy.accept(kCrowd, 2);
  const auto other = busy.accept(kOther, 1);
  CHECK(busy.serve() == crowd[0]);
  const auto third = busy.accept(kThird, 1);
  CHECK(busy.serve() == other[0]);
  const Ticket again = busy.d.accept(kOther);
  for (const Ticket next : {crowd[1], third[0], again}) CHECK(busy.serve() == next);
}

TEST_CASE("in a full queue the address that waits with the most makes room") {
  Busy busy(fair());
  const auto crowd = busy.accept(kCrowd, 6);
  const Ticket other = busy.d.accept(kOther);
  CHECK_FALSE(busy.d.ended(other));
  CHECK(busy.d.ended(crowd[5]) == How::kReject);
  CHECK(busy.d.ended(busy.d.accept(kCrowd)) == How::kReject);
  CHECK(busy.d.pool.connections().queued() == 6);
  CHECK(busy.d.pool.counters().rejected == 2);
  CHECK(busy.serve() == crowd[0]);
  CHECK(busy.serve() == other);
}

TEST_CASE("a queue that is full of addresses with equally many connections turns the new one away") {
  Busy busy(fair());
  for (ClientAddress client = 10; client < 16; ++client) CHECK_FALSE(busy.d.ended(busy.d.accept(client)));
  CHECK(busy.d.ended(busy.d.accept(kOther)) == How::kReject);
}

TEST_CASE("while the queue stands the newest are served first, and the oldest makes room") {
  PoolSettings settings = fair();
  settings.order = QueueOrder::kAdaptive;
  Busy busy(settings);
  SUBCASE("within an address and among addresses") {
    const auto other = busy.accept(kOther, 2);
    const auto crowd = busy.accept(kCrowd, 4);
    busy.d.advance(std::chrono::seconds(1));
    const Ticket newest = busy.d.accept(kThird);
    CHECK(busy.d.ended(crowd[0]) == How::kReject);
    for (const Ticket next : {newest, crowd[3], other[1], crowd[2], other[0], crowd[1]})
      CHECK(busy.serve() == next);
  }
  SUBCASE("among clients that each have an address of their own") {
    std::vector<Ticket> all;
    for (ClientAddress client = 10; client < 16; ++client) all.push_back(busy.d.accept(client));
    busy.d.advance(std::chrono::seconds(1));
    const Ticket newest = busy.d.accept(kOther);
    CHECK(busy.d.ended(all[0]) == How::kReject);
    CHECK(busy.serve() == newest);
    CHECK(busy.serve() == all[5]);
  }
}

TEST_CASE("one that came back from a worker is not turned away to make room") {
  PoolSettings settings = fair();
  settings.queue_max = 1;
  SUBCASE("with turns") {}
  SUBCASE("in a standing queue") {
    settings.fairness = QueueFairness::kNone;
    settings.order = QueueOrder::kAdaptive;
  }
  PoolDriver d(settings);
  d.ready_all();
  const Ticket back = d.accept(kCrowd);
  d.exit(d.holder(back));
  REQUIRE(d.connection(back)->state == ConnectionState::kQueued);
  d.advance(std::chrono::milliseconds(500));
  CHECK(d.ended(d.accept(kOther)) == How::kReject);
  CHECK_FALSE(d.ended(back));
}

}  // namespace
}  // namespace prefork
