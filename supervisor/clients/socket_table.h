// The sockets of accepted connections, by ticket. Gives out the tickets. Constant time, and no allocation
// once grown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "supervisor/core/ids.h"
#include "supervisor/state/pool_state.h"
#include "supervisor/system/socket.h"

namespace prefork {

class SocketTable {
 public:
  /// The lobby's knowledge of a socket.
  enum class Watch : std::uint8_t {
    kNever,
    kArmed,
    kSpent,  ///< it has fired, and would have to be armed again
  };

  /// Nothing when a million connections are known at the same time; the socket is closed then.
  [[nodiscard]] Ticket add(Fd socket);
  /// The socket, which may have been closed already. The ticket must be one that add() gave and end() has not
  /// seen.
  [[nodiscard]] Fd& at(Ticket ticket) { return entries_[ticket.slot()].socket; }
  [[nodiscard]] const Fd& at(Ticket ticket) const { return entries_[ticket.slot()].socket; }
  [[nodiscard]] bool knows(Ticket ticket) const {
    return ticket && ticket.slot() < entries_.size() && entries_[ticket.slot()].ticket == ticket;
  }
  /// Whether the connection has been sent to a worker.
  [[nodiscard]] bool& sent(Ticket ticket) { return entries_[ticket.slot()].sent; }
  [[nodiscard]] Watch& watch(Ticket ticket) { return entries_[ticket.slot()].watch; }
  /// How far it was when it was last sent to a worker.
  [[nodiscard]] Progress& progress(Ticket ticket) { return entries_[ticket.slot()].progress; }
  /// Calls `visit` with the ticket of every connection.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Entry& entry : entries_) {
      if (entry.ticket) visit(entry.ticket);
    }
  }
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
    Watch watch = Watch::kNever;
    Progress progress;
  };

  SlotAllocator<Ticket> tickets_;
  std::vector<Entry> entries_;
};

}  // namespace prefork
