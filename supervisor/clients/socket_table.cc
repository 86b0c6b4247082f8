#include "supervisor/clients/socket_table.h"

#include <algorithm>
#include <utility>

#include "supervisor/core/snapshot_reader.h"
#include "supervisor/core/snapshot_writer.h"

namespace prefork {

Ticket SocketTable::add(Fd socket, bool shared) {
  if (tickets_.full()) return Ticket{};
  const Ticket ticket = tickets_.allocate();
  if (ticket.slot() >= entries_.size()) entries_.resize(ticket.slot() + 1);
  entries_[ticket.slot()] = Entry{};
  entries_[ticket.slot()].ticket = ticket;
  entries_[ticket.slot()].socket = std::move(socket);
  entries_[ticket.slot()].shared = shared;
  return ticket;
}

void SocketTable::add_unwatched(Ticket ticket) {
  remove_unwatched(ticket);
  unwatched_.push_back(static_cast<std::uint32_t>(ticket.slot()), unwatched_links());
}

void SocketTable::remove_unwatched(Ticket ticket) {
  unwatched_.remove(static_cast<std::uint32_t>(ticket.slot()), unwatched_links());
}

Ticket SocketTable::take_unwatched() {
  if (unwatched_.empty()) return Ticket{};
  const Ticket ticket = entries_[unwatched_.first()].ticket;
  remove_unwatched(ticket);
  return ticket;
}

Fd SocketTable::end(Ticket ticket) {
  remove_unwatched(ticket);
  tickets_.release(ticket);
  entries_[ticket.slot()].ticket = Ticket{};
  return std::move(entries_[ticket.slot()].socket);
}

void SocketTable::write_state(PoolState& state) const {
  state.tickets = to_snapshot(tickets_);
  for (const Entry& entry : entries_) {
    if (!entry.ticket) continue;
    state.sockets.push_back({entry.ticket, Carried{entry.socket.get()}, entry.shared,
                             entry.watch == Watch::kArmed || entry.unwatched.linked, entry.progress.consumed,
                             entry.progress.sent, entry.worker});
  }
}

std::string SocketTable::adopt(const PoolState& state) {
  if (std::string wrong = from_snapshot(state.tickets, tickets_); !wrong.empty()) return wrong;
  entries_.resize(tickets_.used_slots());
  const bool all_given = std::all_of(state.sockets.begin(), state.sockets.end(), [&](const auto& socket) {
    return socket.ticket.slot() < entries_.size();
  });
  if (!all_given) return ": a ticket that was never given";
  for (const SocketState& socket : state.sockets) {
    Entry& entry = entries_[socket.ticket.slot()];
    entry.ticket = socket.ticket;
    entry.socket.reset(static_cast<int>(socket.socket));
    entry.shared = socket.sent;
    entry.worker = socket.worker;
    entry.progress = {socket.bytes_consumed, socket.bytes_sent};
    if (socket.watched) add_unwatched(socket.ticket);
  }
  return "";
}

}  // namespace prefork
