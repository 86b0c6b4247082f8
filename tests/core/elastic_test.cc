// A number of workers that follows the load.
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

PoolSettings elastic(std::size_t min, std::size_t max, std::size_t spare = 1, std::size_t spawn_rate = 1000) {
  PoolSettings settings;
  settings.workers = max;
  settings.elastic = PoolSettings::Elastic{min, spare, spawn_rate, seconds(10)};
  return settings;
}

TEST_CASE("an idle pool has its minimum of workers, or its spare workers when they are more") {
  PoolDriver small(elastic(2, 10));
  small.ready_all();
  small.advance(seconds(60));
  CHECK(small.started.size() == 2);
  PoolDriver eager(elastic(1, 10, 3));
  eager.ready_all();
  eager.advance(seconds(1));
  eager.ready_all();
  CHECK(eager.started.size() == 3);
}

TEST_CASE("it grows when fewer than the spare ones are idle, and never beyond its maximum") {
  PoolDriver d(elastic(1, 4));
  d.ready_all();
  std::vector<Ticket> tickets;
  for (int i = 0; i < 10; ++i) {
    tickets.push_back(d.accept());
    d.advance(seconds(1));
    d.ready_all();
    CHECK(d.pool.workers().size() <= 4);
  }
  CHECK(d.started.size() == 4);
  CHECK(d.pool.lifecycle().target() == 4);
}

TEST_CASE("under a burst the steps double") {
  PoolDriver d(elastic(1, 64));
  d.ready_all();
  for (int i = 0; i < 64; ++i) (void)d.accept();
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 6; ++i) {
    d.ready_all();
    sizes.push_back(d.pool.lifecycle().target());
    d.advance(ElasticSize::kStep);
  }
  CHECK(sizes == std::vector<std::size_t>{2, 4, 8, 16, 32, 64});
}

TEST_CASE("no more are started in a second than spawn_rate") {
  PoolDriver d(elastic(1, 64, 1, 10));
  d.ready_all();
  for (int i = 0; i < 64; ++i) (void)d.accept();
  d.advance(seconds(1));
  CHECK(d.pool.lifecycle().target() <= 1 + 20);  // what was saved up, and what came in the second
  CHECK(d.pool.lifecycle().target() >= 1 + 10);
  const std::size_t before = d.pool.lifecycle().target();
  d.advance(seconds(1));
  CHECK(d.pool.lifecycle().target() <= before + 11);
}

TEST_CASE("with a minimum of 0 the first connection starts the first worker, and waits for it") {
  PoolDriver d(elastic(0, 4, 0));
  CHECK(d.started.empty());
  CHECK(d.pool.accepting());
  const Ticket ticket = d.accept();
  CHECK(d.started.size() == 1);
  d.ready_all();
  CHECK(d.holder(ticket) == d.started[0]);
  d.busy(ticket);
  d.idle(ticket);
  d.advance(seconds(20));  // the window in which it was needed, and one in which it was not
  CHECK(d.count<action::SendDrain>() == 1);
  d.leave_all();
  CHECK(d.pool.workers().size() == 0);
  CHECK(d.pool.accepting());
}

TEST_CASE("workers leave that were not needed for a whole idle_timeout, and only they") {
  PoolDriver d(elastic(1, 8));
  d.ready_all();
  std::vector<Ticket> tickets;
  for (int i = 0; i < 8; ++i) tickets.push_back(d.accept());
  d.advance(seconds(1));
  d.ready_all();
  REQUIRE(d.count_status(WorkerStatus::kReady) == 8);
  for (const Ticket ticket : tickets) d.busy(ticket);
  // Three workers stay busy; for a moment of the next window five are.
  for (std::size_t i = 3; i < tickets.size(); ++i) d.idle(tickets[i]);
  d.advance(seconds(12));
  const Ticket fourth = d.accept();
  const Ticket fifth = d.accept();
  d.busy(fourth);
  d.busy(fifth);
  d.idle(fourth);
  d.idle(fifth);
  d.forget();
  d.advance(seconds(9));
  // Eight, less the five that were needed at a time, less the spare one.
  CHECK(d.count<action::SendDrain>() == 2);
  for (std::size_t i = 0; i < 3; ++i) CHECK(d.row(d.holder(tickets[i])).status == WorkerStatus::kReady);
  d.leave_all();
  d.advance(seconds(10));
  CHECK(d.count_status(WorkerStatus::kReady) == 4);
  for (std::size_t i = 0; i < 3; ++i) CHECK(d.row(d.holder(tickets[i])).status == WorkerStatus::kReady);
}

TEST_CASE("starts that fail do not make it want ever more") {
  PoolDriver d(elastic(1, 64));
  (void)d.accept();
  for (int i = 0; i < 20; ++i) {
    for (const WorkerId worker : d.rows()) d.exit(worker, Exit{Exit::Kind::kExited, 1});
    d.advance(seconds(1));
  }
  CHECK(d.pool.lifecycle().target() <= 2);
}

TEST_CASE("the operator's number is the new maximum") {
  PoolDriver d(elastic(2, 8));
  d.ready_all();
  d.handle(event::Resized{1});
  CHECK(d.pool.lifecycle().target() == 1);
  CHECK(d.pool.lifecycle().limit() == 1);
  d.leave_all();
  for (int i = 0; i < 5; ++i) (void)d.accept();
  d.advance(seconds(5));
  CHECK(d.count_status(WorkerStatus::kReady) == 1);
}

}  // namespace
}  // namespace prefork
