// A keep-alive client of a pool that runs `supervisor-worker http`.
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
  /// Waits for the answer to the oldest unanswered request. Returns the worker's pid, or 0 if the connection
  /// ends without an answer.
  [[nodiscard]] pid_t answer();
  [[nodiscard]] pid_t get(const std::string& target = "/") { return ask(target), answer(); }
  [[nodiscard]] Client& connection() { return client_; }

 private:
  bool receive_to(std::size_t size);

  Client client_;
  std::string input_;
};

/// The connections in a pool's lobby, and the number that made room.
struct LobbyText {
  std::uint64_t silent = 0, parked = 0, evicted = 0;
};
[[nodiscard]] LobbyText lobby_of(const PoolTable& pool);

}  // namespace prefork::test
