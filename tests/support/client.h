// A client of a pool: one connection. Every wait fails the test at its deadline.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/fd.h"

namespace prefork::test {

class Client {
 public:
  /// Connects. `address` as the supervisor writes it: `127.0.0.1:4711`, `[::1]:4711`, `unix:/path`,
  /// `unix:@name`.
  /// `from`: the local IPv4 address; empty: the kernel chooses it.
  explicit Client(const std::string& address, const std::string& from = "");

  /// How a connection ends.
  enum class End { kNone, kEof, kReset };

  void send(std::string_view text);
  /// All bytes until the end of the connection, of either kind.
  [[nodiscard]] std::string receive();
  /// Waits for `size` bytes; returns fewer if the connection ends first.
  [[nodiscard]] std::string receive(std::size_t size);
  /// Waits for bytes and returns all that have come; empty at the end of the connection.
  [[nodiscard]] std::string receive_some();
  /// The end that receive() has seen.
  [[nodiscard]] End end() const { return end_; }
  /// Whether there are no bytes to read and the connection has not ended.
  [[nodiscard]] bool silent() const;

  /// Ends the sending direction (FIN).
  void finish();
  void close() { socket_.reset(); }
  /// Ends the connection with RST.
  void reset();
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  Fd socket_;
  End end_ = End::kNone;
};

/// Connects, sends `request`, and returns all bytes until the end.
[[nodiscard]] std::string ask(const std::string& address, std::string_view request);

}  // namespace prefork::test
