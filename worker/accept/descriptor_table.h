// What each descriptor number of this process is for the library: a connection, a listener, the library's
// own, or nothing of ours. A child of fork() has a copy, as it has of the descriptors; a child of vfork()
// must not touch it (see in_own_process). Looking costs one load.
#pragma once

#include <cstdint>
#include <type_traits>

namespace prefork::accept {

enum class Kind : std::uint32_t { kNone, kConnection, kListener, kPrivate };

struct Entry {
  Kind kind = Kind::kNone;
  std::uint32_t index =
      0;  ///< of the connection in the tree, of the listener in the process; kPrivate: a Private
};

/// Beyond these numbers nothing is ours; the kernel's usual limit.
inline constexpr int kMaxDescriptors = 1 << 20;

/// Plain members with atomic operations: zeros are the beginning, and a compiler does not walk through a
/// million constructors.
class DescriptorTable {
 public:
  [[nodiscard]] Entry look(int fd) const {
    if (static_cast<unsigned>(fd) >= kMaxDescriptors) return {};
    return unpacked(__atomic_load_n(&entries_[fd], __ATOMIC_RELAXED));
  }
  /// Sets the entry of a number below kMaxDescriptors; returns what was there.
  Entry exchange(int fd, Entry entry) {
    int known = end();
    while (fd >= known &&
           !__atomic_compare_exchange_n(&end_, &known, fd + 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
    return unpacked(__atomic_exchange_n(&entries_[fd], packed(entry), __ATOMIC_SEQ_CST));
  }
  /// No number from this one on is ours.
  [[nodiscard]] int end() const { return __atomic_load_n(&end_, __ATOMIC_RELAXED); }

 private:
  static std::uint32_t packed(Entry entry) {
    return static_cast<std::uint32_t>(entry.kind) << 30 | entry.index;
  }
  static Entry unpacked(std::uint32_t bits) { return {static_cast<Kind>(bits >> 30), bits & 0x3fffffff}; }

  std::uint32_t entries_[kMaxDescriptors];
  int end_;
};

static_assert(std::is_trivially_default_constructible_v<DescriptorTable>);
extern DescriptorTable table;

}  // namespace prefork::accept
