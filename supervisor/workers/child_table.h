// The pids of all workers and templates, of every pool: children that WorkerProcess reaps. A pid is here from
// the moment when it is known until its process has been reaped.
#pragma once

#include <sys/types.h>

#include <unordered_set>
#include <utility>

namespace prefork {

class ChildTable {
 public:
  /// One pid of the table, which outlives it; the destructor removes the pid.
  class Entry {
   public:
    Entry() = default;
    Entry(Entry&& other) noexcept : table_(std::exchange(other.table_, nullptr)), pid_(other.pid_) {}
    Entry& operator=(Entry&& other) noexcept {
      std::swap(table_, other.table_);
      std::swap(pid_, other.pid_);
      return *this;
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
      if (table_ != nullptr) table_->pids_.erase(pid_);
    }

   private:
    friend class ChildTable;
    Entry(ChildTable& table, pid_t pid) : table_(&table), pid_(pid) {}

    ChildTable* table_ = nullptr;
    pid_t pid_ = 0;
  };

  ChildTable() = default;
  ChildTable(const ChildTable&) = delete;
  ChildTable& operator=(const ChildTable&) = delete;

  /// An empty entry if the table has this pid already.
  [[nodiscard]] Entry add(pid_t pid) { return pids_.insert(pid).second ? Entry(*this, pid) : Entry(); }
  [[nodiscard]] bool contains(pid_t pid) const { return pids_.contains(pid); }

 private:
  std::unordered_set<pid_t> pids_;
};

}  // namespace prefork
