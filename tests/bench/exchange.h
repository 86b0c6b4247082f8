// One connection of the load generator: connect, send a request, read until the server closes. Never blocks.
#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstddef>
#include <string_view>

#include "proto/fd.h"

namespace prefork::bench {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;

enum class Outcome {
  kPending,
  kAnswered,    ///< at least as many bytes as were asked for, then a clean end
  kRefused,     ///< no connection could be made
  kReset,       ///< the connection was reset
  kUnanswered,  ///< a clean end before enough bytes had come
  kTimedOut,
  kTurnedAway,  ///< answered, but not with what was asked for: HTTP's 503, for instance
};
inline constexpr std::size_t kOutcomes = 7;

/// What to send and how long the answer is at least. `kind` is the caller's own.
struct Request {
  std::string_view bytes;
  std::size_t answer_size = 0;
  std::size_t kind = 0;
};

class Exchange {
 public:
  /// Begins; `due` is when it should have begun, from which its latency counts.
  void begin(const sockaddr_in& server, const Request& request, Instant due);
  /// Goes as far as is possible now.
  Outcome advance();
  void give_up();

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  /// Whether it waits for the socket to become writable; otherwise it waits for readability.
  [[nodiscard]] bool waits_to_write() const { return !sent_; }
  [[nodiscard]] bool active() const { return socket_.valid(); }
  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] Instant due() const { return due_; }

 private:
  Outcome send_request();
  Outcome read_answer();

  Fd socket_;
  Request request_;
  Instant due_;
  std::size_t received_ = 0;
  bool sent_ = false;
};

}  // namespace prefork::bench
