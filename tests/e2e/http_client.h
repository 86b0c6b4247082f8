// A client that keeps its connection, of a pool that runs `supervisor-worker http`.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "tests/support/client.h"
#include "tests/support/status_text.h"

namespace prefork::test {

class HttpClient {
 public:
  explicit HttpClient(const std::string& address) : client_(address) {}

  void ask(const std::string& target = "/");
  /// Waits for the answer to the first request that has none: the worker's pid; 0 when the connection ends
  /// without one.
  [[nodiscard]] pid_t answer();
  [[nodiscard]] pid_t get(const std::string& target = "/") { return ask(target), answer(); }
  [[nodiscard]] Client& connection() { return client_; }

 private:
  bool receive_to(std::size_t size);

  Client client_;
  std::string input_;
};

/// Who is in a pool's lobby, and who was made to leave it.
struct LobbyText {
  std::uint64_t silent = 0, parked = 0, evicted = 0;
};
[[nodiscard]] LobbyText lobby_of(const PoolTable& pool);

}  // namespace prefork::test
