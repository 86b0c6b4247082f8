// A listening socket as a pool has it, for tests that hand its connections to a program themselves.
#pragma once

#include <string>

#include "proto/fd.h"

namespace prefork::test {

class PoolSocket {
 public:
  /// `127.0.0.1:0`, `[::1]:0`, `0.0.0.0:0`, `unix:/path` or `unix:@name`; 0 takes a free port.
  explicit PoolSocket(const std::string& address);

  /// With the port that it has.
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::string port() const { return address_.substr(address_.rfind(':') + 1); }
  /// Waits for a connection and takes it from the backlog.
  [[nodiscard]] Fd accept() const;

 private:
  Fd socket_;
  std::string address_;
};

}  // namespace prefork::test
