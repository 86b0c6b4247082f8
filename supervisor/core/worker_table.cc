#include "supervisor/core/worker_table.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace prefork {

namespace {

/// Levels for each number of connections: the load that workers report is rounded to this many parts.
constexpr std::uint32_t kShares = 16;
static_assert(LevelBitmap::kSize == std::size_t{WorkerTable::kMaxSlots} * kShares);

bool is_starting(const WorkerRow& row) {
  return row.role == WorkerRole::kWorker && row.status == WorkerStatus::kStarting;
}

}  // namespace

std::uint32_t WorkerTable::level_of(const WorkerRow& row) {
  if (!row.dispatchable()) return kNoLevel;
  return row.load * kShares + row.reported_load * (kShares - 1) / kMaxReportedLoad;
}

WorkerRow& WorkerTable::add(WorkerRole role, Generation generation, Instant now) {
  const WorkerId id = ids_.allocate();
  if (id.slot() >= rows_.size()) {
    rows_.resize(id.slot() + 1);
    places_.resize(id.slot() + 1);
  }
  WorkerRow& row = rows_[id.slot()];
  row = WorkerRow{};
  row.id = id;
  row.role = role;
  row.generation = generation;
  row.started_at = row.since = now;
  ++size_;
  if (row.role == WorkerRole::kWorker) ++starting_;
  return row;
}

void WorkerTable::remove(WorkerId id) {
  WorkerRow* row = find(id);
  assert(row != nullptr);
  set_deadline(*row, std::nullopt);
  leave(static_cast<std::uint32_t>(id.slot()));
  count_awaited(static_cast<std::uint32_t>(id.slot()), false);
  if (is_starting(*row)) --starting_;
  row->id = WorkerId{};
  ids_.release(id);
  --size_;
}

const WorkerRow* WorkerTable::find(WorkerId id) const {
  if (!id || id.slot() >= rows_.size() || rows_[id.slot()].id != id) return nullptr;
  return &rows_[id.slot()];
}

WorkerRow* WorkerTable::find(WorkerId id) { return const_cast<WorkerRow*>(std::as_const(*this).find(id)); }

const WorkerRow* WorkerTable::least_busy(Prefer prefer) const {
  if (occupied_.empty()) return nullptr;
  const SlotList& level = levels_[occupied_.lowest()];
  return &rows_[prefer == Prefer::kLongestIdle ? level.first() : level.last()];
}

void WorkerTable::set_status(WorkerRow& row, WorkerStatus status, Instant now) {
  if (is_starting(row)) --starting_;
  row.status = status;
  if (is_starting(row)) ++starting_;
  row.since = now;
  update_place(row);
}

void WorkerTable::set_slots(WorkerRow& row, std::uint32_t slots) {
  assert(slots <= kMaxSlots);
  row.slots = slots;
  update_place(row);
}

void WorkerTable::set_paused(WorkerRow& row, bool paused) {
  row.paused = paused;
  update_place(row);
}

void WorkerTable::set_stopped(WorkerRow& row, bool stopped) {
  row.stopped = stopped;
  update_place(row);
}

void WorkerTable::set_reported_load(WorkerRow& row, std::uint32_t load) {
  row.reported_load = std::min(load, kMaxReportedLoad);
  update_place(row);
}

void WorkerTable::reserve(WorkerRow& row) {
  assert(row.load < row.slots);
  ++row.load;
  ++row.unreceived;
  update_place(row);
}

void WorkerTable::begin(WorkerRow& row) {
  assert(row.unreceived > 0);
  --row.unreceived;
  if (row.most_unreceived != 0) update_place(row);
}

void WorkerTable::withdraw(WorkerRow& row) {
  assert(row.unreceived > 0);
  --row.unreceived;
  release(row);
}

void WorkerTable::set_unreceived(WorkerRow& row, std::uint32_t unreceived) {
  row.unreceived = unreceived;
  update_place(row);
}

void WorkerTable::release(WorkerRow& row) {
  assert(row.load > 0);
  --row.load;
  update_place(row);
}

void WorkerTable::set_deadline(WorkerRow& row, std::optional<Instant> deadline) {
  if (row.deadline) deadlines_.erase({*row.deadline, row.id});
  row.deadline = deadline;
  if (deadline) deadlines_.insert({*deadline, row.id});
}

std::optional<Instant> WorkerTable::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

WorkerRow* WorkerTable::overdue(Instant now) {
  if (deadlines_.empty() || deadlines_.begin()->first > now) return nullptr;
  return find(deadlines_.begin()->second);
}

void WorkerTable::update_place(const WorkerRow& row) {
  const auto slot = static_cast<std::uint32_t>(row.id.slot());
  count_awaited(slot, row.has_room() && row.awaits_receipt());
  const std::uint32_t level = level_of(row);
  if (places_[slot].level == level) return;
  leave(slot);
  if (level != kNoLevel) join(slot, level);
}

void WorkerTable::count_awaited(std::uint32_t slot, bool awaited) {
  if (std::exchange(places_[slot].awaited, awaited)) --awaited_;
  if (awaited) ++awaited_;
}

void WorkerTable::join(std::uint32_t slot, std::uint32_t level) {
  if (level >= levels_.size()) levels_.resize(level + 1);
  levels_[level].push_back(slot, links());
  places_[slot].level = level;
  if (level < kShares) ++idle_;
  occupied_.insert(level);
}

void WorkerTable::leave(std::uint32_t slot) {
  const std::uint32_t level = std::exchange(places_[slot].level, kNoLevel);
  if (level == kNoLevel) return;
  levels_[level].remove(slot, links());
  if (level < kShares) --idle_;
  if (levels_[level].empty()) occupied_.erase(level);
}

WorkerTable::Contents WorkerTable::contents() const {
  Contents contents{ids_, {}};
  const auto links = [this](std::uint32_t slot) -> const SlotLinks& { return places_[slot].links; };
  for (const SlotList& level : levels_)
    level.for_each(links, [&](std::uint32_t slot) { contents.rows.push_back(rows_[slot]); });
  for (std::size_t slot = 0; slot < rows_.size(); ++slot) {
    if (rows_[slot].id && places_[slot].level == kNoLevel) contents.rows.push_back(rows_[slot]);
  }
  return contents;
}

void WorkerTable::fill(const Contents& contents) {
  ids_ = contents.ids;
  rows_.resize(ids_.used_slots());
  places_.resize(ids_.used_slots());
  for (const WorkerRow& row : contents.rows) {
    if (row.id.slot() >= rows_.size()) continue;  // the slot was never given out
    rows_[row.id.slot()] = row;
    ++size_;
    if (is_starting(row)) ++starting_;
    if (row.deadline) deadlines_.insert({*row.deadline, row.id});
    update_place(row);
  }
}

// One loop over everything is easier to read than its parts.
const char* WorkerTable::broken_invariant() const {  // NOLINT(readability-function-cognitive-complexity)
  std::size_t rows = 0;
  std::size_t deadlines = 0;
  std::size_t idle = 0;
  std::size_t starting = 0;
  std::size_t awaited = 0;
  for (std::size_t slot = 0; slot < rows_.size(); ++slot) {
    const WorkerRow& row = rows_[slot];
    if (!row.id) {
      if (places_[slot].level != kNoLevel) return "a removed row is still linked";
      continue;
    }
    ++rows;
    if (row.deadline) ++deadlines;
    if (row.dispatchable() && row.load == 0) ++idle;
    if (is_starting(row)) ++starting;
    if (row.has_room() && row.awaits_receipt()) ++awaited;
    if (row.from && row.status == WorkerStatus::kReady)
      return "a worker is ready that its template has not forked";
    if (row.status != WorkerStatus::kStarting && row.load > row.slots) return "load exceeds slots";
    if (places_[slot].level != level_of(row)) return "a row is in the wrong list";
    if (row.dispatchable() && level_of(*least_busy(Prefer::kLongestIdle)) > level_of(row)) {
      return "the least busy worker is not the least busy";
    }
  }
  if (idle != idle_ || starting != starting_) return "the idle or the starting workers are miscounted";
  if (awaited != awaited_) return "the workers that have room after a receipt are miscounted";
  if (rows != size_) return "the number of rows is wrong";
  if (deadlines != deadlines_.size()) return "the deadlines are out of step with the rows";
  return nullptr;
}

}  // namespace prefork
