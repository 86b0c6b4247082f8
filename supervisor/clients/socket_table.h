// The sockets of accepted connections, by ticket. Gives out the tickets. Constant time, and no allocation
// once the table has grown. ClientSockets owns it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/slot_list.h"
#include "supervisor/state/pool_state.h"
#include "supervisor/system/socket.h"

namespace prefork {

class SocketTable {
 public:
  /// Whether the lobby watches the socket.
  enum class Watch : std::uint8_t {
    kNever,
    kArmed,
    kSpent,  ///< reported once, and not armed again since
  };

  /// Without a ticket: the table has a million connections, and the socket is closed.
  [[nodiscard]] Ticket add(Fd socket, bool shared = false);
  /// The socket, which is not valid once our copy is closed. `ticket` comes from add() and has not ended.
  [[nodiscard]] Fd& at(Ticket ticket) { return entries_[ticket.slot()].socket; }
  [[nodiscard]] const Fd& at(Ticket ticket) const { return entries_[ticket.slot()].socket; }
  [[nodiscard]] bool knows(Ticket ticket) const {
    return ticket && ticket.slot() < entries_.size() && entries_[ticket.slot()].ticket == ticket;
  }
  /// Others have copies of the socket, or had, or could put descriptors into it: calls on it can wait, and
  /// are jobs for the Closer.
  [[nodiscard]] bool& shared(Ticket ticket) { return entries_[ticket.slot()].shared; }
  /// The last worker that the connection was sent to.
  [[nodiscard]] WorkerId& worker(Ticket ticket) { return entries_[ticket.slot()].worker; }
  /// progress() is known for the next worker.
  [[nodiscard]] bool& measured(Ticket ticket) { return entries_[ticket.slot()].measured; }
  [[nodiscard]] Watch& watch(Ticket ticket) { return entries_[ticket.slot()].watch; }
  /// The progress of the connection when it was last sent to a worker.
  [[nodiscard]] Progress& progress(Ticket ticket) { return entries_[ticket.slot()].progress; }
  /// The sockets that the kernel has yet to be asked to watch, in order. A ticket that ends leaves them.
  [[nodiscard]] std::size_t unwatched() const { return unwatched_.size(); }
  void add_unwatched(Ticket ticket);
  void remove_unwatched(Ticket ticket);  ///< does nothing if it is not among them
  /// Removes the first one, if there is one.
  [[nodiscard]] Ticket take_unwatched();
  /// Ends the ticket. Returns the socket, which is not valid if our copy is closed.
  [[nodiscard]] Fd end(Ticket ticket);

  // For an upgrade in place.
  void write_state(PoolState& state) const;
  /// Into a new table. Returns what is wrong with the state, or an empty string; when something is wrong, no
  /// descriptor is taken.
  [[nodiscard]] std::string adopt(const PoolState& state);

 private:
  struct Entry {
    Ticket ticket;  ///< none: free
    Fd socket;
    bool shared = false;
    bool measured = false;
    Watch watch = Watch::kNever;
    Progress progress;
    WorkerId worker;
    SlotLinks unwatched;
  };

  [[nodiscard]] auto unwatched_links() {
    return [this](std::uint32_t slot) -> SlotLinks& { return entries_[slot].unwatched; };
  }

  SlotAllocator<Ticket> tickets_;
  std::vector<Entry> entries_;
  SlotList unwatched_;
};

}  // namespace prefork
