#include "supervisor/io/socket_table.h"

#include <utility>

#include "supervisor/core/snapshot_reader.h"
#include "supervisor/core/snapshot_writer.h"

namespace prefork {

Ticket SocketTable::add(Fd socket) {
  if (tickets_.full()) return Ticket{};
  const Ticket ticket = tickets_.allocate();
  if (ticket.slot() >= entries_.size()) entries_.resize(ticket.slot() + 1);
  entries_[ticket.slot()] = Entry{.ticket = ticket, .socket = std::move(socket), .sent = false};
  return ticket;
}

Fd SocketTable::end(Ticket ticket) {
  tickets_.release(ticket);
  entries_[ticket.slot()].ticket = Ticket{};
  return std::move(entries_[ticket.slot()].socket);
}

void SocketTable::write_state(PoolState& state) const {
  state.tickets = to_snapshot(tickets_);
  for (const Entry& entry : entries_) {
    if (entry.ticket) state.sockets.push_back({entry.ticket, Carried{entry.socket.get()}, entry.sent});
  }
}

std::string SocketTable::adopt(const PoolState& state) {
  if (std::string wrong = from_snapshot(state.tickets, tickets_); !wrong.empty()) return wrong;
  entries_.resize(tickets_.used_slots());
  for (const SocketState& socket : state.sockets) {
    if (socket.ticket.slot() >= entries_.size()) return ": a ticket that was never given";
    entries_[socket.ticket.slot()] = Entry{socket.ticket, Fd(static_cast<int>(socket.socket)), socket.sent};
  }
  return "";
}

}  // namespace prefork
