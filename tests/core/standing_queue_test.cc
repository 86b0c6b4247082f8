// Which connection goes first in a queue that cannot keep up, and which of equally busy workers is chosen.
#include "supervisor/core/standing_queue.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
constexpr Duration kTarget = milliseconds(20);

TEST_CASE("a queue stands when its oldest has waited longer than the target for a whole interval") {
  StandingQueue queue;
  const Instant start = Instant{} + std::chrono::hours(1);
  const Instant late = start + kTarget;
  queue.observe(start, kTarget, late);
  CHECK_FALSE(queue.newest_first(late));
  queue.observe(start, kTarget, late + StandingQueue::kInterval);
  CHECK(queue.newest_first(late + StandingQueue::kInterval));
  SUBCASE("until it is empty") { queue.observe(std::nullopt, kTarget, late + milliseconds(200)); }
  SUBCASE("or drains") { queue.observe(late + milliseconds(199), kTarget, late + milliseconds(200)); }
  CHECK_FALSE(queue.newest_first(late + milliseconds(200)));
}

TEST_CASE("a queue that drains once in an interval does not stand") {
  StandingQueue queue;
  Instant now = Instant{} + std::chrono::hours(1);
  for (int i = 0; i < 100; ++i) {
    now += milliseconds(50);
    queue.observe(i % 2 == 0 ? std::nullopt : std::optional(now - 2 * kTarget), kTarget, now);
    CHECK_FALSE(queue.newest_first(now));
  }
}

/// One worker, busy, and `count` connections that wait, 50 ms apart.
struct Crowd {
  explicit Crowd(const PoolSettings& settings, int count) : d(settings) {
    d.ready_all();
    held = d.accept();
    d.busy(held);
    for (int i = 0; i < count; ++i) {
      d.advance(milliseconds(50));
      waiting.push_back(d.accept());
    }
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
  std::vector<Ticket> waiting;
};

PoolSettings adaptive() {
  PoolSettings settings;
  settings.order = QueueOrder::kAdaptive;
  settings.queue_target = kTarget;
  return settings;
}

TEST_CASE("while it stands the newest goes first, and when it has drained the oldest again") {
  Crowd crowd(adaptive(), 5);
  CHECK(crowd.serve() == crowd.waiting[4]);
  CHECK(crowd.serve() == crowd.waiting[3]);
  for (int i = 0; i < 3; ++i) (void)crowd.serve();
  const Ticket first = crowd.d.accept();
  crowd.d.accept();
  CHECK(crowd.serve() == first);
}

TEST_CASE("in order fifo the oldest goes first however long it stands") {
  PoolSettings settings = adaptive();
  settings.order = QueueOrder::kFifo;
  Crowd crowd(settings, 5);
  CHECK(crowd.serve() == crowd.waiting[0]);
}

TEST_CASE("a standing queue that is full turns the oldest away to make room for the newest") {
  PoolSettings settings = adaptive();
  settings.full = QueueFull::kReject;
  settings.queue_max = 5;
  Crowd crowd(settings, 5);
  const Ticket newest = crowd.d.accept();
  CHECK(crowd.d.ended(crowd.waiting[0]) == action::End::How::kReject);
  CHECK(crowd.serve() == newest);
}

TEST_CASE("among workers with equally many connections the load that they report decides") {
  PoolSettings settings;
  settings.workers = 3;
  settings.slots = 2;
  PoolDriver d(settings);
  d.ready_all(2);
  d.handle(event::WorkerLoad{d.started[0], 900});
  d.handle(event::WorkerLoad{d.started[1], 100});
  d.handle(event::WorkerLoad{d.started[2], 500});
  CHECK(d.holder(d.accept()) == d.started[1]);
  CHECK(d.holder(d.accept()) == d.started[2]);
  CHECK(d.holder(d.accept()) == d.started[0]);  // it counts among equals only
}

TEST_CASE("a worker that lies about its load gets no more than its slots, and is not spared for ever") {
  PoolSettings settings;
  settings.workers = 2;
  settings.slots = 2;
  PoolDriver d(settings);
  d.ready_all(2);
  d.handle(event::WorkerLoad{d.started[0], UINT32_MAX});
  d.handle(event::WorkerLoad{d.started[1], 0});
  for (int i = 0; i < 4; ++i) d.accept();
  CHECK(d.row(d.started[0]).load == 2);
  CHECK(d.row(d.started[1]).load == 2);
  CHECK(d.row(d.started[0]).reported_load == WorkerTable::kMaxReportedLoad);
}

}  // namespace
}  // namespace prefork
