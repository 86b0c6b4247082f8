// A doubly linked list of the entries of a table. An entry is named by its table slot, and its links are part
// of the entry: adding, removing and moving take constant time, allocate nothing, and survive that the table
// moves its entries in memory. The list itself knows only its ends and its length.
//
// Each operation takes `links`: a function that returns an entry's SlotLinks of this list, by slot. An entry
// that is in several lists at a time has one SlotLinks for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace prefork {

inline constexpr std::uint32_t kNoSlot = UINT32_MAX;

/// The place of one entry in one list.
struct SlotLinks {
  std::uint32_t previous = kNoSlot;
  std::uint32_t next = kNoSlot;
  bool linked = false;
};

class SlotList {
 public:
  [[nodiscard]] std::uint32_t first() const { return first_; }  ///< kNoSlot when the list is empty
  [[nodiscard]] std::uint32_t last() const { return last_; }    ///< the same
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// Adds an entry that is not in the list, behind the entry `previous`; kNoSlot: at the front.
  template <typename Links>
  void insert(std::uint32_t previous, std::uint32_t slot, const Links& links) {
    std::uint32_t& from_previous = previous == kNoSlot ? first_ : links(previous).next;
    const std::uint32_t next = std::exchange(from_previous, slot);
    (next == kNoSlot ? last_ : links(next).previous) = slot;
    links(slot) = SlotLinks{.previous = previous, .next = next, .linked = true};
    ++size_;
  }
  template <typename Links>
  void push_front(std::uint32_t slot, const Links& links) {
    insert(kNoSlot, slot, links);
  }
  template <typename Links>
  void push_back(std::uint32_t slot, const Links& links) {
    insert(last_, slot, links);
  }
  /// Does nothing for an entry that is not linked.
  template <typename Links>
  void remove(std::uint32_t slot, const Links& links) {
    const SlotLinks old = std::exchange(links(slot), SlotLinks{});
    if (!old.linked) return;
    (old.previous == kNoSlot ? first_ : links(old.previous).next) = old.next;
    (old.next == kNoSlot ? last_ : links(old.next).previous) = old.previous;
    --size_;
  }
  /// Calls `visit` with each slot, first to last. It must not change the list.
  template <typename Links, typename Visit>
  void for_each(const Links& links, const Visit& visit) const {
    for (std::uint32_t slot = first_; slot != kNoSlot; slot = links(slot).next) visit(slot);
  }

 private:
  std::uint32_t first_ = kNoSlot;
  std::uint32_t last_ = kNoSlot;
  std::uint32_t size_ = 0;
};

}  // namespace prefork
