#include "supervisor/core/connection_table.h"

#include <cassert>
#include <utility>

namespace prefork {

ConnectionRow& ConnectionTable::add(Ticket ticket, ListenerIndex listener, Instant now,
                                    ClientAddress client) {
  if (ticket.slot() >= entries_.size()) entries_.resize(ticket.slot() + 1);
  Entry& entry = entries_[ticket.slot()];
  assert(!entry.row.ticket);
  entry = Entry{};
  entry.row.ticket = ticket;
  entry.row.listener = listener;
  entry.row.client = client;
  entry.client = &clients_.entered(client);
  entry.row.accepted_at = entry.row.asked_at = entry.row.since = now;
  ++size_;
  return entry.row;
}

void ConnectionTable::remove(Ticket ticket) {
  ConnectionRow* row = find(ticket);
  assert(row != nullptr);
  forget_awaited(*row);
  leave_place(*row);
  clients_.left(*entries_[ticket.slot()].client);
  row->ticket = Ticket{};
  --size_;
}

const ConnectionRow* ConnectionTable::find(Ticket ticket) const {
  if (!ticket || ticket.slot() >= entries_.size() || entries_[ticket.slot()].row.ticket != ticket)
    return nullptr;
  return &entries_[ticket.slot()].row;
}

ConnectionRow* ConnectionTable::find(Ticket ticket) {
  return const_cast<ConnectionRow*>(std::as_const(*this).find(ticket));
}

void ConnectionTable::wait(ConnectionRow& row, ConnectionState state, Instant now) {
  SlotList& list = lobby(state);
  join(list, list.last, row, state, now);
}

void ConnectionTable::look_at(ConnectionRow& row) {
  leave_place(row);
  row.state = ConnectionState::kLookedAt;
}

ConnectionRow* ConnectionTable::longest_waiting(ConnectionState state) { return at(lobby(state).first); }

void ConnectionTable::enqueue(ConnectionRow& row, Instant now, bool came_back) {
  row.queued_at = now;
  SlotList& queue = came_back ? came_back_ : waiting_;
  join(queue, queue.last, row, ConnectionState::kQueued, now);
}

void ConnectionTable::requeue(ConnectionRow& row, Instant now) {
  // Sorted, so that the first is always the next to expire. Those that come after it are few: what was sent
  // last comes back last.
  std::uint32_t previous = came_back_.last;
  while (previous != kNone && entries_[previous].row.queued_at > row.queued_at) {
    previous = entries_[previous].links[kByPlace].previous;
  }
  join(came_back_, previous, row, ConnectionState::kQueued, now);
}

void ConnectionTable::join(SlotList& list, std::uint32_t previous, ConnectionRow& row, ConnectionState state,
                           Instant now) {
  leave_place(row);
  row.state = state;
  row.since = now;
  Entry& entry = entries_[row.ticket.slot()];
  entry.place = &list;
  insert(list, previous, row.ticket.slot(), kByPlace);
  if (&list != &waiting_) return;
  append(entry.client->waiting, row.ticket.slot(), kByClient);
  clients_.waits(*entry.client);
}

ConnectionRow* ConnectionTable::front(Order order) {
  if (came_back_.first != kNone || waiting_.first == kNone) return at(came_back_.first);
  const SlotList& list = order.by_turns ? clients_.next(order.newest_first)->waiting : waiting_;
  return at(order.newest_first ? list.last : list.first);
}

ConnectionRow* ConnectionTable::last_to_be_served(Order order) {
  if (waiting_.first == kNone) return nullptr;
  const SlotList& list = order.by_turns ? clients_.most_waiting(order.newest_first)->waiting : waiting_;
  return at(order.newest_first ? list.first : list.last);
}

ConnectionRow* ConnectionTable::longest_queued() {
  ConnectionRow* back = at(came_back_.first);
  ConnectionRow* waiting = at(waiting_.first);
  if (back == nullptr || waiting == nullptr) return back != nullptr ? back : waiting;
  return back->queued_at <= waiting->queued_at ? back : waiting;
}

void ConnectionTable::assign(ConnectionRow& row, WorkerId worker, Instant now, bool newest_first) {
  const Entry& entry = entries_[row.ticket.slot()];
  if (entry.place == &waiting_) clients_.served(*entry.client, newest_first);
  leave_place(row);
  row.state = ConnectionState::kDispatched;
  row.since = now;
  row.worker = worker;
  append(held_by(worker), row.ticket.slot(), kByPlace);
  append(receipts_, row.ticket.slot(), kAwaited);
}

void ConnectionTable::unassign(ConnectionRow& row) {
  forget_awaited(row);
  leave_place(row);
  row.worker = WorkerId{};
}

void ConnectionTable::forget_awaited(ConnectionRow& row) {
  forget_receipt(row);
  if (row.state == ConnectionState::kBusy) forget_progress(row);
}

void ConnectionTable::begin(ConnectionRow& row, Instant now) {
  forget_receipt(row);
  ++begun_;
  if (row.may_park) ++parkable_;
  row.state = ConnectionState::kBusy;
  row.since = row.begun_at = now;
  append(active_, row.ticket.slot(), kAwaited);
}

void ConnectionTable::progress(ConnectionRow& row, Instant now) {
  row.since = now;
  if (row.dismissed) return;
  forget_progress(row);
  append(active_, row.ticket.slot(), kAwaited);
}

ConnectionRow* ConnectionTable::longest_active() { return at(active_.first); }

ConnectionRow* ConnectionTable::longest_awaited() { return at(receipts_.first); }

ConnectionRow* ConnectionTable::first_held(WorkerId worker) { return at(held_by(worker).first); }

ConnectionRow* ConnectionTable::next_held(const ConnectionRow& row) {
  return at(entries_[row.ticket.slot()].links[kByPlace].next);
}

SlotList& ConnectionTable::held_by(WorkerId worker) {
  if (worker.slot() >= held_.size()) held_.resize(worker.slot() + 1);
  return held_[worker.slot()];
}

void ConnectionTable::leave_place(ConnectionRow& row) {
  Entry& entry = entries_[row.ticket.slot()];
  if (entry.place != nullptr) {
    unlink(*entry.place, row.ticket.slot(), kByPlace);
    if (entry.place == &waiting_) {
      unlink(entry.client->waiting, row.ticket.slot(), kByClient);
      clients_.waits_less(*entry.client);
    }
    entry.place = nullptr;
  } else if (row.worker) {
    unlink(held_by(row.worker), row.ticket.slot(), kByPlace);
    if (row.state == ConnectionState::kBusy) {
      --begun_;
      if (row.may_park) --parkable_;
    }
  }
}

void ConnectionTable::insert(SlotList& list, std::uint32_t previous, std::size_t slot, std::size_t which) {
  const auto own = static_cast<std::uint32_t>(slot);
  std::uint32_t& from_previous = previous == kNone ? list.first : entries_[previous].links[which].next;
  const std::uint32_t next = std::exchange(from_previous, own);
  (next == kNone ? list.last : entries_[next].links[which].previous) = own;
  entries_[slot].links[which] = Links{.previous = previous, .next = next, .linked = true};
  ++list.size;
}

void ConnectionTable::unlink(SlotList& list, std::size_t slot, std::size_t which) {
  const Links old = std::exchange(entries_[slot].links[which], Links{});
  if (!old.linked) return;
  (old.previous == kNone ? list.first : entries_[old.previous].links[which].next) = old.next;
  (old.next == kNone ? list.last : entries_[old.next].links[which].previous) = old.previous;
  --list.size;
}

ConnectionTable::Contents ConnectionTable::contents() const {
  Contents contents;
  const auto to_rows = [](std::vector<ConnectionRow>& rows) {
    return [&rows](const ConnectionRow& row) { rows.push_back(row); };
  };
  const auto to_tickets = [](std::vector<Ticket>& tickets) {
    return [&tickets](const ConnectionRow& row) { tickets.push_back(row.ticket); };
  };
  walk(silent_, kByPlace, to_rows(contents.silent));
  walk(parked_, kByPlace, to_rows(contents.parked));
  walk(came_back_, kByPlace, to_rows(contents.came_back));
  walk(waiting_, kByPlace, to_rows(contents.waiting));
  for (const SlotList& list : held_) walk(list, kByPlace, to_rows(contents.held));
  walk(receipts_, kAwaited, to_tickets(contents.receipts));
  walk(active_, kAwaited, to_tickets(contents.active));
  contents.clients = clients_.waiting();
  return contents;
}

void ConnectionTable::fill(const Contents& contents) {
  const auto line_up = [this](SlotList& list, const std::vector<ConnectionRow>& rows, ConnectionState state) {
    for (const ConnectionRow& row : rows) join(list, list.last, put(row), state, row.since);
  };
  line_up(silent_, contents.silent, ConnectionState::kSilent);
  line_up(parked_, contents.parked, ConnectionState::kParked);
  line_up(came_back_, contents.came_back, ConnectionState::kQueued);
  line_up(waiting_, contents.waiting, ConnectionState::kQueued);
  for (const ConnectionRow& row : contents.held) {
    append(held_by(row.worker), put(row).ticket.slot(), kByPlace);
    if (row.state != ConnectionState::kBusy) continue;
    ++begun_;
    if (row.may_park) ++parkable_;
  }
  for (const Ticket ticket : contents.receipts) {
    if (find(ticket) != nullptr) append(receipts_, ticket.slot(), kAwaited);
  }
  for (const Ticket ticket : contents.active) {
    if (find(ticket) != nullptr) append(active_, ticket.slot(), kAwaited);
  }
  clients_.set_order(contents.clients);
}

ConnectionRow& ConnectionTable::put(const ConnectionRow& row) {
  ConnectionRow& own = add(row.ticket, row.listener, row.accepted_at, row.client);
  own = row;
  return own;
}

// One loop over everything is plainer than its parts.
const char* ConnectionTable::broken_invariant() const {  // NOLINT(readability-function-cognitive-complexity)
  std::size_t counts[7] = {};
  std::size_t known = 0;
  std::size_t parkable = 0;
  for (const Entry& entry : entries_) {
    if (!entry.row.ticket) continue;
    ++known;
    if (entry.row.state == ConnectionState::kBusy && entry.row.may_park) ++parkable;
    if (entry.client->address != entry.row.client) return "a connection is another client's";
    if (entry.links[kByClient].linked != (entry.place == &waiting_)) {
      return "a client's waiting connections are not those that wait";
    }
    ++counts[static_cast<std::size_t>(entry.row.state)];
    const bool in_hands =
        entry.row.state == ConnectionState::kDispatched || entry.row.state == ConnectionState::kBusy;
    if (in_hands != static_cast<bool>(entry.row.worker))
      return "a connection's worker does not fit its state";
    if (entry.links[kAwaited].linked && !in_hands) {
      return "a receipt or progress is awaited for a connection that no worker holds";
    }
    const bool lined_up = entry.row.state == ConnectionState::kQueued ||
                          entry.row.state == ConnectionState::kSilent ||
                          entry.row.state == ConnectionState::kParked;
    if ((entry.place != nullptr) != lined_up) {
      return "a connection is in the lobby or the queue and elsewhere, or says so and is in neither";
    }
  }
  if (parkable_ != parkable) return "the connections that may be parked are miscounted";
  if (begun_ != counts[static_cast<std::size_t>(ConnectionState::kBusy)])
    return "the begun connections are miscounted";
  if (const char* broken = clients_.broken_invariant()) return broken;
  std::size_t held = 0;
  for (const SlotList& list : held_) held += list.size;
  if (known != size_) return "the number of connections is wrong";
  if (queued() != counts[static_cast<std::size_t>(ConnectionState::kQueued)])
    return "the queue's length is wrong";
  if (silent() != counts[static_cast<std::size_t>(ConnectionState::kSilent)] ||
      parked() != counts[static_cast<std::size_t>(ConnectionState::kParked)])
    return "the lobby's size is wrong";
  if (held != counts[static_cast<std::size_t>(ConnectionState::kDispatched)] +
                  counts[static_cast<std::size_t>(ConnectionState::kBusy)]) {
    return "the connections in workers' hands are miscounted";
  }
  return nullptr;
}

}  // namespace prefork
