// Ids of workers and connections, which are never reused, and the allocator that makes them.
//
// An id has a sequence number in its upper bits and the number of a table slot in its lower bits. The slot
// makes a look-up an array access. The sequence makes each id larger than all before it, and tells an old id
// from that of the slot's present owner.
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
  /// The number for people: 1, 2, 3 …
  [[nodiscard]] std::uint64_t sequence() const { return value >> SlotBits; }
  [[nodiscard]] explicit operator bool() const { return value != 0; }
  auto operator<=>(const SlotId&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14's mistake
};

/// 65,536 workers at a time.
using WorkerId = SlotId<struct WorkerTag, 16>;
/// A million connections at a time; at 100,000 a second the sequence lasts five years.
using Ticket = SlotId<struct TicketTag, 20>;

/// Numbers the configurations that workers are started from. Grows by one with each reload that replaces
/// workers.
using Generation = std::uint32_t;
/// Position in the pool's list of listeners.
using ListenerIndex = std::uint32_t;

/// A client's network address as a number: an IPv4 address, or the 64 bits of an IPv6 address that name a
/// network.
using ClientAddress = std::uint64_t;
inline constexpr ClientAddress kNoAddress = 0;

/// The largest memo that a worker may leave for the next one when it parks a connection, in bytes.
inline constexpr std::size_t kMaxMemo = 224;

template <typename Id>
class SlotAllocator {
 public:
  [[nodiscard]] bool full() const { return free_.empty() && used_slots_ == Id::kMaxSlots; }

  /// Not when it is full().
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
  /// Number of different slots that were ever given out.
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
