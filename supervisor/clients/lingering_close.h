// Lingering close (RFC 9112, 9.6): a connection gets a final reply and is closed after its client has closed.
// Closing a socket with unread bytes resets the connection, and the client may never see the reply. So the
// kernel discards what the client sends; nothing is copied into this process. It takes at most kTimeout and
// no worker. A worker may have kept a copy of the socket, so the Closer makes the calls. ClientSockets starts
// it.
#pragma once

#include <cstddef>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/fd.h"
#include "supervisor/clients/closer.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"
#include "supervisor/state/client_state.h"

namespace prefork {

class LingeringClose {
 public:
  static constexpr Duration kTimeout = std::chrono::seconds(1);
  /// With more than these, the oldest connection is closed at once.
  static constexpr std::size_t kMaxPending = 1024;

  /// `owner`: of its jobs.
  LingeringClose(const Loop& loop, Closer& closer, std::uint64_t owner);

  /// Sends as much of `reply` as fits without blocking. Closes `socket` when the client has closed its end.
  /// `ticket` and `worker`: as in SocketJob.
  void start(Fd socket, std::string_view reply, Ticket ticket, WorkerId worker);
  /// One of its jobs is done.
  void done(const SocketJob& job);
  /// The connections whose clients have not closed yet.
  [[nodiscard]] std::size_t pending() const { return sockets_.size(); }

  // For an upgrade in place.
  [[nodiscard]] std::vector<LingeringCloseState> state() const;
  /// Continues what another LingeringClose has started.
  void adopt(const std::vector<LingeringCloseState>& state);

 private:
  using What = SocketJob::What;
  using Number = std::uint64_t;
  struct Pending {
    Fd socket;
    Ticket ticket;
    WorkerId worker;
  };

  void open();
  void on_readable();
  void on_timer();
  void close(Number number);
  /// Closes the socket when the client has closed, or at the deadline.
  void await_client_close(Pending pending, Instant deadline);
  [[nodiscard]] SocketJob job_for(What what, const Pending& pending) const;

  Closer& closer_;
  std::uint64_t owner_;
  Fd epoll_;  ///< client sockets do not go into libev, which keeps a socket in its epoll until it is closed
  std::unordered_map<Number, Pending> sockets_;
  std::deque<std::pair<Instant, Number>> deadlines_;  ///< in order; the sockets may be closed already
  Number last_ = 0;
  ReadWatcher watcher_;
  TimerWatcher timer_;
};

}  // namespace prefork
