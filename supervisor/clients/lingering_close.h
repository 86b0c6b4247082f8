// Connections that were told their last words and must still be closed cleanly: to close a socket with unread
// bytes resets it, and the client may never see the words. So what the client sends is discarded unseen (the
// kernel drops it, nothing is copied here) until it closes, for a second at most. They hold no worker.
#pragma once

#include <cstddef>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/fd.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"
#include "supervisor/state/client_state.h"

namespace prefork {

class Farewell {
 public:
  static constexpr Duration kLinger = std::chrono::seconds(1);
  /// More than these at a time, and the oldest is closed at once.
  static constexpr std::size_t kMax = 1024;

  explicit Farewell(const Loop& loop);

  /// Sends `words` as far as they fit without waiting, and closes `socket` when the client has.
  void say(Fd socket, std::string_view words);
  [[nodiscard]] std::size_t size() const { return sockets_.size(); }

  // For an upgrade in place.
  [[nodiscard]] std::vector<LingeringCloseState> state() const;
  /// Goes on where another Farewell was.
  void adopt(const std::vector<LingeringCloseState>& state);

 private:
  void on_readable();
  void on_timer();
  void close(int descriptor);
  /// Waits for the client's end until the deadline.
  void await_end(Fd socket, Instant deadline);

  Fd epoll_;  ///< of its own: client sockets do not go into libev, which does not forget them before they are
              ///< closed
  std::unordered_map<int, Fd> sockets_;
  std::deque<std::pair<Instant, int>> deadlines_;  ///< in order; of sockets that may be gone already
  ReadWatcher watcher_;
  TimerWatcher timer_;
};

}  // namespace prefork
