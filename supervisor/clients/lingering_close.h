// Lingering close (RFC 9112, 9.6): a connection gets a final reply and is closed after its client has closed.
// Closing a socket with unread bytes resets the connection, and the client may never see the reply. So the
// kernel discards what the client sends; nothing is copied into this process. It takes at most kTimeout and
// no worker. ClientSockets starts it.
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

class LingeringClose {
 public:
  static constexpr Duration kTimeout = std::chrono::seconds(1);
  /// With more than these, the oldest connection is closed at once.
  static constexpr std::size_t kMaxPending = 1024;

  explicit LingeringClose(const Loop& loop);

  /// Sends as much of `reply` as fits without blocking. Closes `socket` when the client has closed its end.
  void start(Fd socket, std::string_view reply);
  /// The connections whose clients have not closed yet.
  [[nodiscard]] std::size_t pending() const { return sockets_.size(); }

  // For an upgrade in place.
  [[nodiscard]] std::vector<LingeringCloseState> state() const;
  /// Continues what another LingeringClose has started.
  void adopt(const std::vector<LingeringCloseState>& state);

 private:
  void on_readable();
  void on_timer();
  void close(int descriptor);
  /// Closes `socket` when the client has closed, or at the deadline.
  void await_client_close(Fd socket, Instant deadline);

  Fd epoll_;  ///< client sockets do not go into libev, which keeps a socket in its epoll until it is closed
  std::unordered_map<int, Fd> sockets_;
  std::deque<std::pair<Instant, int>> deadlines_;  ///< in order; the sockets may be closed already
  ReadWatcher watcher_;
  TimerWatcher timer_;
};

}  // namespace prefork
