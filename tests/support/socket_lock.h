// Holds the kernel's lock of a socket, as a process does that sits in send() with a page fault of a dead
// disk.
#pragma once

#include <thread>

#include "proto/fd.h"

namespace prefork::test {

class SocketLock {
 public:
  /// Returns when the lock is held, or with nothing done where userfaultfd is not allowed.
  explicit SocketLock(int socket);
  ~SocketLock() { release(); }
  SocketLock(const SocketLock&) = delete;
  SocketLock& operator=(const SocketLock&) = delete;

  [[nodiscard]] bool held() const { return sender_.joinable(); }
  void release();

 private:
  Fd faults_;
  void* page_ = nullptr;
  std::thread sender_;
};

}  // namespace prefork::test
