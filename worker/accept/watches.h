// Which epolls a descriptor of ours is in. The kernel takes a socket out of an epoll when its last copy is
// closed; of these sockets the supervisor, or the library, has a copy. So what the program's close() would
// have done is done by EPOLL_CTL_DEL before it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "worker/accept/raw.h"

namespace prefork::accept {

inline constexpr int kEpollAdd = 1;
inline constexpr int kEpollDelete = 2;

/// The watches of one connection or listener. Beyond `Size` epolls one is not known.
template <std::size_t Size>
class Watches {
 public:
  /// After a successful epoll_ctl().
  void note(int epoll, int operation, int fd) {
    const std::uint64_t one = packed(epoll, fd);
    if (operation == kEpollAdd && !replace(one, one)) (void)replace(0, one);
    if (operation == kEpollDelete) (void)replace(one, 0);
  }
  /// Before `fd` is closed.
  void leave(int fd) {
    for (std::atomic<std::uint64_t>& watch : watches_) {
      std::uint64_t one = watch.load(std::memory_order_relaxed);
      if (one == 0 || static_cast<int>(one >> 32) != fd || !watch.compare_exchange_strong(one, 0)) continue;
      (void)raw::call(SYS_epoll_ctl, static_cast<int>(one & 0xffffffff) - 1, kEpollDelete, fd, nullptr);
    }
  }
  /// In a child of fork(): the epoll is the parent's.
  void forget() {
    for (std::atomic<std::uint64_t>& watch : watches_) watch.store(0, std::memory_order_relaxed);
  }

 private:
  static std::uint64_t packed(int epoll, int fd) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(fd)) << 32 |
           static_cast<std::uint32_t>(epoll + 1);
  }
  bool replace(std::uint64_t from, std::uint64_t to) {
    for (std::atomic<std::uint64_t>& watch : watches_) {
      std::uint64_t expected = from;
      if (watch.load(std::memory_order_relaxed) == from && watch.compare_exchange_strong(expected, to))
        return true;
    }
    return false;
  }

  std::atomic<std::uint64_t> watches_[Size] = {};
};

}  // namespace prefork::accept
