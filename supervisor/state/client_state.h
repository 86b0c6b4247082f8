// The client sockets of a pool as plain values of the state of an upgrade in place. Written and read by
// supervisor/clients.
#pragma once

#include <cstdint>

#include "supervisor/core/ids.h"
#include "supervisor/state/carried.h"

namespace prefork {

struct SocketState {
  Ticket ticket;
  Carried socket = Carried::kNone;                   ///< kNone: the supervisor's copy is closed
  bool sent = false;                                 ///< to a worker, which may have kept a copy
  bool watched = false;                              ///< the lobby watches it for the client's next bytes
  std::uint64_t bytes_consumed = 0, bytes_sent = 0;  ///< the kernel's counters when a worker last got it
  WorkerId worker = {};                              ///< the last that it was sent to

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("ticket", self.ticket), visit("socket", self.socket), visit("sent", self.sent);
    visit("watched", self.watched), visit("bytes_consumed", self.bytes_consumed);
    visit("bytes_sent", self.bytes_sent), visit("worker", self.worker);
  }
};

/// A connection that was answered by the supervisor itself and is in its lingering close.
struct LingeringCloseState {
  Carried socket = Carried::kNone;
  Instant deadline;
  Ticket ticket = {};
  WorkerId worker = {};  ///< the last that it was sent to; none

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("socket", self.socket), visit("deadline", self.deadline);
    visit("ticket", self.ticket), visit("worker", self.worker);
  }
};

}  // namespace prefork
