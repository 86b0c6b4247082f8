#include "supervisor/core/worker_table.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace prefork {
namespace {

constexpr Instant kNow = Instant{} + std::chrono::hours(1);

WorkerRow& add_ready(WorkerTable& table, std::uint32_t slots) {
  WorkerRow& row = table.add(WorkerRole::kWorker, 1, kNow);
  table.set_slots(row, slots);
  table.set_status(row, WorkerStatus::kReady, kNow);
  return row;
}

WorkerId least_busy(const WorkerTable& table, Prefer prefer = Prefer::kLongestIdle) {
  const WorkerRow* row = table.least_busy(prefer);
  return row == nullptr ? WorkerId{} : row->id;
}

TEST_CASE("an empty table has no least busy worker") {
  CHECK(WorkerTable().least_busy(Prefer::kLongestIdle) == nullptr);
  CHECK(WorkerTable().find(WorkerId{}) == nullptr);
}

TEST_CASE("only a ready worker with a free slot that is not paused is chosen") {
  WorkerTable table;
  WorkerRow& row = table.add(WorkerRole::kWorker, 1, kNow);
  CHECK_FALSE(least_busy(table));
  table.set_slots(row, 1);
  CHECK_FALSE(least_busy(table));
  table.set_status(row, WorkerStatus::kReady, kNow);
  CHECK(least_busy(table) == row.id);
  table.set_paused(row, true);
  CHECK_FALSE(least_busy(table));
  table.set_paused(row, false);
  table.reserve(row);
  CHECK_FALSE(least_busy(table));
  table.release(row);
  CHECK(least_busy(table) == row.id);
  table.set_status(row, WorkerStatus::kDraining, kNow);
  CHECK_FALSE(least_busy(table));
}

TEST_CASE("a template is never chosen") {
  WorkerTable table;
  WorkerRow& row = table.add(WorkerRole::kTemplate, 1, kNow);
  table.set_slots(row, 1);
  table.set_status(row, WorkerStatus::kReady, kNow);
  CHECK_FALSE(least_busy(table));
}

TEST_CASE("among equally busy workers the one that has been idle longest, or shortest, is chosen") {
  WorkerTable table;
  const WorkerId first = add_ready(table, 1).id;
  const WorkerId second = add_ready(table, 1).id;
  CHECK(least_busy(table) == first);
  CHECK(least_busy(table, Prefer::kWarmest) == second);
  table.reserve(*table.find(first));
  table.release(*table.find(first));
  CHECK(least_busy(table) == second);
  CHECK(least_busy(table, Prefer::kWarmest) == first);
}

TEST_CASE("the id of a removed worker finds nothing, even when its slot has a new owner") {
  WorkerTable table;
  const WorkerId old = add_ready(table, 1).id;
  table.set_deadline(*table.find(old), kNow);
  table.remove(old);
  CHECK(table.find(old) == nullptr);
  CHECK_FALSE(table.next_deadline());
  const WorkerId young = add_ready(table, 1).id;
  CHECK(young.slot() == old.slot());
  CHECK(young > old);
  CHECK(table.find(old) == nullptr);
  CHECK(least_busy(table) == young);
  CHECK(table.size() == 1);
}

TEST_CASE("the earliest deadline is the table's, and a row is overdue from then on") {
  WorkerTable table;
  const WorkerId late = add_ready(table, 1).id;
  const WorkerId early = add_ready(table, 1).id;
  table.set_deadline(*table.find(late), kNow + std::chrono::seconds(2));
  table.set_deadline(*table.find(early), kNow + std::chrono::seconds(1));
  CHECK(table.next_deadline() == kNow + std::chrono::seconds(1));
  CHECK(table.overdue(kNow) == nullptr);
  CHECK(table.overdue(kNow + std::chrono::seconds(1))->id == early);
  table.set_deadline(*table.find(early), std::nullopt);
  CHECK(table.next_deadline() == kNow + std::chrono::seconds(2));
}

TEST_CASE("the least busy is the least busy after any number of changes, up to 4096 slots") {
  WorkerTable table;
  std::minstd_rand random(1);
  std::vector<WorkerId> ids(40);
  for (WorkerId& id : ids) id = add_ready(table, ids[0] ? 130 : WorkerTable::kMaxSlots).id;
  for (int step = 0; step < 30'000; ++step) {
    WorkerRow& row = *table.find(ids[random() % ids.size()]);
    if (random() % 3 != 0 && row.load < row.slots) {
      table.reserve(row);
    } else if (row.load > 0) {
      table.release(row);
    }
    if (step % 100 == 0) REQUIRE(table.broken_invariant() == nullptr);
  }
  while (WorkerRow* row = const_cast<WorkerRow*>(table.least_busy(Prefer::kWarmest))) table.reserve(*row);
  for (const WorkerId id : ids) CHECK(table.find(id)->load == table.find(id)->slots);
  CHECK(table.broken_invariant() == nullptr);
}

}  // namespace
}  // namespace prefork
