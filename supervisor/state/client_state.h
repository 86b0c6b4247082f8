// The client sockets of a pool as plain values of the state of an upgrade in place. Written and read by
// supervisor/clients.
#pragma once

#include <cstdint>

#include "supervisor/core/ids.h"
#include "supervisor/state/carried.h"

namespace prefork {

struct SocketState {
  Ticket ticket;
  Carried socket = Carried::kNone;  ///< kNone: the supervisor's copy is closed
  bool sent = false;
  bool watched = false;                              ///< the lobby watches it for the client's next bytes
  std::uint64_t bytes_consumed = 0, bytes_sent = 0;  ///< the kernel's counters when a worker last got it

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("ticket", self.ticket), visit("socket", self.socket), visit("sent", self.sent);
    visit("watched", self.watched), visit("bytes_consumed", self.bytes_consumed);
    visit("bytes_sent", self.bytes_sent);
  }
};

/// A connection that was answered by the supervisor itself and is in its lingering close.
struct LingeringCloseState {
  Carried socket = Carried::kNone;
  Instant deadline;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("socket", self.socket), visit("deadline", self.deadline);
  }
};

}  // namespace prefork
