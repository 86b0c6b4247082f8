// The part of Dispatcher that waits for clients: for the first byte of a new connection, and for the next
// request of one that a worker has parked. Each connection is looked at before it leaves the lobby for good:
// if its client has sent something in the last moment, it is served.
#include "supervisor/core/dispatcher.h"

namespace prefork {

void Dispatcher::enter_lobby(ConnectionRow& row, ConnectionState state, Instant now, Actions& out) {
  connections_.enter_lobby(row, state, now);
  row.evicted = false;
  if (!lobby_open_) return leave_lobby(row, out);
  out.push_back(action::Watch{row.ticket});
}

void Dispatcher::leave_lobby(ConnectionRow& row, Actions& out) {
  connections_.leave_lobby(row);
  out.push_back(action::Look{row.ticket});
}

std::optional<Dispatcher::What> Dispatcher::parked(WorkerRow& row, const event::WorkerParked& event,
                                                   Instant now, Actions& out) {
  const Ticket ticket = event.ticket;
  ConnectionRow* connection = find_held(row, ticket);
  if (connection == nullptr) return What::kUnknownTicket;
  if (const auto wrong = begin_late(row, *connection, event.unread, now)) return wrong;
  if (!connection->may_park) return What::kMayNotPark;
  if (event.memo.size() > kMaxMemo) return What::kLongMemo;
  finish(row, *connection, now);
  ++counters_.parked;
  connections_.unassign(*connection);
  if (connection->dismissed) {
    end(ticket, action::End::How::kClose, counters_.served, out);
    return std::nullopt;
  }
  connections_.set_memo(*connection, event.memo);
  connection->answered = true;
  connection->sent = false;
  connection->redispatches = connection->kills = 0;
  connection->given_back = false;
  connection->came_from = {};
  enter_lobby(*connection, ConnectionState::kParked, now, out);
  const std::size_t max = settings_.keep_alive ? settings_.keep_alive->max : 0;
  if (max != 0 && connections_.parked() > max) {
    evict(*connections_.longest_in_lobby(ConnectionState::kParked), out);
  }
  return std::nullopt;
}

bool Dispatcher::may_be_parked_by(const WorkerRow& row) const {
  bool found = false;
  connections_.for_each_held(row.id, [&](const ConnectionRow& held) {
    found = found || (held.state == ConnectionState::kBusy && held.may_park);
  });
  return found;
}

void Dispatcher::client_seen(const event::ClientSeen& event, Instant now, Actions& out) {
  ConnectionRow* row = connections_.find(event.ticket);
  if (row == nullptr) return;
  const bool looked_at = row->state == ConnectionState::kLookedAt;
  if (!looked_at && row->state != ConnectionState::kSilent && row->state != ConnectionState::kParked) return;
  if (event.sign == event::ClientSign::kAsks) return enqueue(*row, now, out);
  if (event.sign == event::ClientSign::kSilent && !looked_at) {
    out.push_back(action::Watch{row->ticket});
    return;
  }
  const bool silent = event.sign == event::ClientSign::kSilent;
  if (row->evicted) ++counters_.evicted;
  if (row->answered) return end(event.ticket, action::End::How::kHangUp, counters_.served, out);
  end(event.ticket, action::End::How::kClose, silent ? counters_.silent : counters_.left, out);
}

void Dispatcher::make_room(Instant now, Actions& out) {
  for (int i = 0; i < kMakeRoom; ++i) {
    ConnectionRow* row = next_to_evict(now);
    if (row == nullptr) return;
    evict(*row, out);
  }
}

ConnectionRow* Dispatcher::next_to_evict(Instant now) {
  ConnectionRow* silent = connections_.longest_in_lobby(ConnectionState::kSilent);
  if (silent != nullptr && now - silent->since >= kFresh) return silent;
  ConnectionRow* parked = connections_.longest_in_lobby(ConnectionState::kParked);
  return parked != nullptr ? parked : silent;
}

void Dispatcher::evict(ConnectionRow& row, Actions& out) {
  row.evicted = true;
  leave_lobby(row, out);
}

void Dispatcher::expire_lobby(ConnectionState state, Duration timeout, Instant now, Actions& out) {
  for (int i = 0; i < kExpireAtOnce; ++i) {
    ConnectionRow* row = connections_.longest_in_lobby(state);
    if (row == nullptr || now < row->since + timeout) return;
    leave_lobby(*row, out);
  }
}

void Dispatcher::close_lobby(Actions& out) {
  lobby_open_ = false;
  ask_to_park(out);
  for (const ConnectionState state : {ConnectionState::kSilent, ConnectionState::kParked}) {
    while (ConnectionRow* row = connections_.longest_in_lobby(state)) leave_lobby(*row, out);
  }
}

}  // namespace prefork
