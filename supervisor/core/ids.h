// Names for workers and connections that are never reused, and the allocator that hands them out.
//
// An id is a sequence number above and the number of a table slot below: the slot makes looking it up an
// array access, the sequence makes every id larger than all before it and tells an old id from the slot's
// present owner.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace prefork {

/// CLOCK_MONOTONIC: the wall clock decides nothing.
using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

template <typename Tag, unsigned SlotBits>
struct SlotId {
  std::uint64_t value = 0;  ///< 0 is "none"

  static constexpr std::uint64_t kMaxSlots = std::uint64_t{1} << SlotBits;
  static SlotId make(std::uint64_t sequence, std::size_t slot) { return {(sequence << SlotBits) | slot}; }
  [[nodiscard]] std::size_t slot() const { return static_cast<std::size_t>(value & (kMaxSlots - 1)); }
  /// The number to show to people: 1, 2, 3 …
  [[nodiscard]] std::uint64_t sequence() const { return value >> SlotBits; }
  [[nodiscard]] explicit operator bool() const { return value != 0; }
  auto operator<=>(const SlotId&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14's mistake
};

/// 65,536 workers at a time.
using WorkerId = SlotId<struct WorkerTag, 16>;
/// A million connections at a time; at 100,000 a second the sequence lasts five years.
using Ticket = SlotId<struct TicketTag, 20>;

/// Which configuration a worker was started from. Grows by one with each reload that replaces workers.
using Generation = std::uint32_t;
/// Position in the pool's list of listeners.
using ListenerIndex = std::uint32_t;

/// Stands for a client's network address: an IPv4 address, or the 64 bits of an IPv6 address that name a
/// network.
using ClientAddress = std::uint64_t;
inline constexpr ClientAddress kNoAddress = 0;

template <typename Id>
class SlotAllocator {
 public:
  [[nodiscard]] bool full() const { return free_.empty() && used_slots_ == Id::kMaxSlots; }

  /// The caller asks full() first.
  [[nodiscard]] Id allocate() {
    std::size_t slot = used_slots_;
    if (free_.empty()) {
      ++used_slots_;
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    return Id::make(++sequence_, slot);
  }

  void release(Id id) { free_.push_back(static_cast<std::uint32_t>(id.slot())); }
  /// How many different slots it has ever given out.
  [[nodiscard]] std::size_t used_slots() const { return used_slots_; }

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("free", self.free_), visit("used_slots", self.used_slots_), visit("sequence", self.sequence_);
  }

 private:
  std::vector<std::uint32_t> free_;
  std::size_t used_slots_ = 0;
  std::uint64_t sequence_ = 0;
};

}  // namespace prefork
