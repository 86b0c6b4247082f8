// A server to measure in tests: does to every connection what it is told, on a thread of its own.
#pragma once

#include <netinet/in.h>

#include <atomic>
#include <functional>
#include <thread>

#include "proto/fd.h"

namespace prefork::bench {

class TestServer {
 public:
  /// `serve` gets each connection after it has been accepted; the server closes it afterwards.
  explicit TestServer(std::function<void(int)> serve);
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer();

  [[nodiscard]] const sockaddr_in& address() const { return address_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  Fd listener_;
  sockaddr_in address_{};
  std::atomic<int> accepted_ = 0;
  std::jthread thread_;
};

}  // namespace prefork::bench
