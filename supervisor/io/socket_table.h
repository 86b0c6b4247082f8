// The sockets of accepted connections, by ticket. Gives out the tickets. Constant time, and no allocation
// once grown.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "proto/fd.h"
#include "supervisor/core/ids.h"
#include "supervisor/io/pool_state.h"

namespace prefork {

class SocketTable {
 public:
  /// Nothing when a million connections are known at the same time; the socket is closed then.
  [[nodiscard]] Ticket add(Fd socket);
  /// The socket, which may have been closed already. The ticket must be one that add() gave and end() has not
  /// seen.
  [[nodiscard]] Fd& at(Ticket ticket) { return entries_[ticket.slot()].socket; }
  /// Marks the connection as having been sent to a worker, and tells whether it had been before.
  bool mark_sent(Ticket ticket) { return std::exchange(entries_[ticket.slot()].sent, true); }
  [[nodiscard]] bool sent(Ticket ticket) const { return entries_[ticket.slot()].sent; }
  /// The ticket is over. What is left of the socket goes to the caller.
  [[nodiscard]] Fd end(Ticket ticket);

  // For an upgrade in place.
  void write_state(PoolState& state) const;
  /// Into a new table. What is wrong, or empty.
  [[nodiscard]] std::string adopt(const PoolState& state);

 private:
  struct Entry {
    Ticket ticket;  ///< none: free
    Fd socket;
    bool sent = false;
  };

  SlotAllocator<Ticket> tickets_;
  std::vector<Entry> entries_;
};

}  // namespace prefork
