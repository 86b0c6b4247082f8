#include "supervisor/io/socket_table.h"

#include <utility>

namespace prefork {

Ticket SocketTable::add(Fd socket) {
  if (tickets_.full()) return Ticket{};
  const Ticket ticket = tickets_.allocate();
  if (ticket.slot() >= entries_.size()) entries_.resize(ticket.slot() + 1);
  entries_[ticket.slot()] = Entry{.socket = std::move(socket), .sent = false};
  return ticket;
}

Fd SocketTable::end(Ticket ticket) {
  tickets_.release(ticket);
  return std::move(entries_[ticket.slot()].socket);
}

}  // namespace prefork
