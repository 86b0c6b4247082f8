// Socket options that accept() hands on from a listener to its connections. The connections of the channel
// come from another listener, so the library repeats what the program has set.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstddef>

namespace prefork::accept {

class InheritedOptions {
 public:
  /// The program may have set an option of the socket.
  void changed() { known_.store(false, std::memory_order_relaxed); }
  /// Sets on `connection` what differs on `aside` from a new socket.
  void repeat(int connection, int aside, int domain);
  void clear();

 private:
  static constexpr std::size_t kMax = 16;
  struct Option {
    int level = 0;
    int name = 0;
    socklen_t size = 0;
    alignas(8) char value[16] = {};
  };

  static bool differs(int aside, int fresh, Option& option);
  void learn(int aside, int domain);

  std::atomic<bool> known_;
  std::atomic<std::size_t> count_;
  Option options_[kMax] = {};
};

}  // namespace prefork::accept
