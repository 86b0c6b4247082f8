// A client of a pool: one connection. Everything that waits fails the test at the deadline.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/fd.h"

namespace prefork::test {

class Client {
 public:
  /// Connects. `address` as the supervisor names it: `127.0.0.1:4711`, `[::1]:4711`, `unix:/path`,
  /// `unix:@name`.
  /// `from`: the IPv4 address that it connects from; empty: the one that the kernel chooses.
  explicit Client(const std::string& address, const std::string& from = "");

  /// What a connection that ends ends with.
  enum class End { kNone, kEof, kReset };

  void send(std::string_view text);
  /// All there is until the end of the connection, whichever kind of end it is.
  [[nodiscard]] std::string receive();
  /// Waits for `size` bytes; fewer when the connection ends before.
  [[nodiscard]] std::string receive(std::size_t size);
  /// Waits for something, and takes what there is; empty at the end of the connection.
  [[nodiscard]] std::string receive_some();
  /// How the connection has ended, as far as receive() has seen it.
  [[nodiscard]] End end() const { return end_; }
  /// Whether nothing has come and nothing has ended up to now.
  [[nodiscard]] bool silent() const;

  /// Says that nothing more will be sent (FIN).
  void finish();
  void close() { socket_.reset(); }
  /// Ends the connection with RST.
  void reset();
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  Fd socket_;
  End end_ = End::kNone;
};

/// Connects, sends, and returns all that comes until the end.
[[nodiscard]] std::string ask(const std::string& address, std::string_view request);

}  // namespace prefork::test
