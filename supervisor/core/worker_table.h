// The worker table: one row for each worker, and the least busy worker in constant time.
//
// Rows that can take a connection are linked by level, in the order in which they came to it; a bitmap finds
// the lowest level that is not empty. A level is a number of connections and, among workers with equally
// many, the load that they report, in sixteenths. Each change that may move a row to another level goes
// through the table: that is why it has more than 15 functions and 120 lines.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include "supervisor/core/level_bitmap.h"
#include "supervisor/core/settings.h"
#include "supervisor/core/slot_list.h"
#include "supervisor/core/worker_row.h"

namespace prefork {

class WorkerTable {
 public:
  /// The largest number of slots of a worker.
  static constexpr std::uint32_t kMaxSlots = 4096;
  static constexpr std::uint32_t kMaxReportedLoad = 1000;

  [[nodiscard]] bool full() const { return ids_.full(); }
  /// A new row in status kStarting. References to rows are valid until the next add().
  WorkerRow& add(WorkerRole role, Generation generation, Instant now);
  void remove(WorkerId id);

  /// Null for an id that is gone or was never given.
  [[nodiscard]] const WorkerRow* find(WorkerId id) const;
  [[nodiscard]] WorkerRow* find(WorkerId id);
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Number of workers that can take a connection and have none.
  [[nodiscard]] std::size_t idle() const { return idle_; }
  /// Some worker can take a connection when it has begun or refused one that it has not yet.
  [[nodiscard]] bool room_after_receipt() const { return awaited_ > 0; }
  /// Number of workers, without templates, in status kStarting.
  [[nodiscard]] std::size_t starting() const { return starting_; }
  /// Calls `visit` with every row. It may change rows, but neither add nor remove any.
  template <typename Visit>
  void for_each(Visit visit) {
    for (WorkerRow& row : rows_) {
      if (row.id) visit(row);
    }
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const WorkerRow& row : rows_) {
      if (row.id) visit(row);
    }
  }

  /// The same for the rows of `count` slots from slot `begin` on. Returns the slot to go on from; 0: that was
  /// the last one.
  template <typename Visit>
  std::size_t for_some(std::size_t begin, std::size_t count, Visit visit) {
    const std::size_t end = std::min(rows_.size(), begin + count);
    for (std::size_t slot = begin; slot < end; ++slot) {
      if (rows_[slot].id) visit(rows_[slot]);
    }
    return end < rows_.size() ? end : 0;
  }

  /// The worker for the next connection: on the lowest level the one that came first (kLongestIdle) or last
  /// (kWarmest). Takes no slot. Null when no worker has room.
  [[nodiscard]] const WorkerRow* least_busy(Prefer prefer) const;

  void set_status(WorkerRow& row, WorkerStatus status, Instant now);
  void set_slots(WorkerRow& row, std::uint32_t slots);
  void set_paused(WorkerRow& row, bool paused);
  void set_stopped(WorkerRow& row, bool stopped);
  /// In thousandths; more than 1000 counts as 1000.
  void set_reported_load(WorkerRow& row, std::uint32_t load);
  void set_deadline(WorkerRow& row, std::optional<Instant> deadline);
  /// Takes one of the row's free slots, for a connection that the worker has not begun.
  void reserve(WorkerRow& row);
  /// The worker has begun one of these.
  void begin(WorkerRow& row);
  /// Frees the slot of one of these.
  void withdraw(WorkerRow& row);
  /// Frees the slot of a connection that it has begun.
  void release(WorkerRow& row);
  /// After fill(): the worker has not begun so many.
  void set_unreceived(WorkerRow& row, std::uint32_t unreceived);

  [[nodiscard]] std::optional<Instant> next_deadline() const;
  /// The row with the earliest deadline, if that is not later than `now`; null otherwise.
  [[nodiscard]] WorkerRow* overdue(Instant now);

  /// Everything that a table knows; the rows in the order of its lists.
  struct Contents {
    SlotAllocator<WorkerId> ids;
    std::vector<WorkerRow> rows;
  };
  [[nodiscard]] Contents contents() const;
  /// Into a new table.
  void fill(const Contents& contents);
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    Contents contents = self.contents();
    visit("ids", contents.ids), visit("rows", contents.rows);
    if constexpr (!std::is_const_v<Self>) self.fill(contents);
  }

  /// What is wrong with the table, for tests and checking builds; null when nothing is.
  [[nodiscard]] const char* broken_invariant() const;

 private:
  static constexpr std::uint32_t kNoLevel = UINT32_MAX;
  struct Place {
    SlotLinks links;
    std::uint32_t level = kNoLevel;  ///< the list that the row is in; kNoLevel: none
    bool awaited = false;            ///< counted in awaited_
  };
  [[nodiscard]] static std::uint32_t level_of(const WorkerRow& row);
  void count_awaited(std::uint32_t slot, bool awaited);
  void join(std::uint32_t slot, std::uint32_t level);
  void leave(std::uint32_t slot);
  /// Moves the row to the list where it belongs now.
  void update_place(const WorkerRow& row);
  [[nodiscard]] auto links() {
    return [this](std::uint32_t slot) -> SlotLinks& { return places_[slot].links; };
  }

  SlotAllocator<WorkerId> ids_;
  std::vector<WorkerRow> rows_;   ///< by slot; id 0 marks a free one
  std::vector<Place> places_;     ///< by slot
  std::vector<SlotList> levels_;  ///< by level; as many as have been in use
  LevelBitmap occupied_;
  std::set<std::pair<Instant, WorkerId>> deadlines_;
  std::size_t size_ = 0;
  std::size_t idle_ = 0;
  std::size_t awaited_ = 0;  ///< rows that have room and await a receipt
  std::size_t starting_ = 0;
};

}  // namespace prefork
