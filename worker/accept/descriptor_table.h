// What each descriptor number of this process is for the library: a connection, a listener, the library's
// own, or nothing of ours. A child of fork() has a copy, as it has of the descriptors; a child of vfork()
// must not touch it (see in_own_process). Looking costs one load.
#pragma once

#include <atomic>
#include <cstdint>

namespace prefork::accept {

enum class Kind : std::uint32_t { kNone, kConnection, kListener, kPrivate };

struct Entry {
  Kind kind = Kind::kNone;
  std::uint32_t index =
      0;  ///< of the connection in the tree, of the listener in the process; kPrivate: a Private
};

/// Beyond these numbers nothing is ours; the kernel's usual limit.
inline constexpr int kMaxDescriptors = 1 << 20;

class DescriptorTable {
 public:
  [[nodiscard]] Entry look(int fd) const {
    if (static_cast<unsigned>(fd) >= kMaxDescriptors) return {};
    return unpacked(entries_[fd].load(std::memory_order_relaxed));
  }
  /// Sets the entry of a number below kMaxDescriptors; returns what was there.
  Entry exchange(int fd, Entry entry) {
    int end = end_.load(std::memory_order_relaxed);
    while (fd >= end && !end_.compare_exchange_weak(end, fd + 1)) {
    }
    return unpacked(entries_[fd].exchange(packed(entry)));
  }
  /// No number from this one on is ours.
  [[nodiscard]] int end() const { return end_.load(std::memory_order_relaxed); }

 private:
  static std::uint32_t packed(Entry entry) {
    return static_cast<std::uint32_t>(entry.kind) << 30 | entry.index;
  }
  static Entry unpacked(std::uint32_t bits) { return {static_cast<Kind>(bits >> 30), bits & 0x3fffffff}; }

  std::atomic<std::uint32_t> entries_[kMaxDescriptors];
  std::atomic<int> end_;
};

extern constinit DescriptorTable table;

}  // namespace prefork::accept
