#include "supervisor/core/connection_table.h"

#include <algorithm>
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
  entry.client = clients_.add_connection(client);
  entry.row.accepted_at = entry.row.asked_at = entry.row.since = now;
  ++size_;
  return entry.row;
}

void ConnectionTable::remove(Ticket ticket) {
  ConnectionRow* row = find(ticket);
  assert(row != nullptr);
  forget_awaited(*row);
  leave_place(*row);
  clients_.remove_connection(entries_[ticket.slot()].client);
  if (ticket.slot() < memos_.size()) memos_[ticket.slot()].reset();
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

std::string_view ConnectionTable::memo(const ConnectionRow& row) const {
  if (row.memo == 0) return {};
  return {memos_[row.ticket.slot()]->data(), row.memo};
}

void ConnectionTable::set_memo(ConnectionRow& row, std::string_view memo) {
  assert(memo.size() <= kMaxMemo);
  row.memo = static_cast<std::uint8_t>(memo.size());
  if (memo.empty()) return;
  const std::size_t slot = row.ticket.slot();
  if (slot >= memos_.size()) memos_.resize(slot + 1);
  if (memos_[slot] == nullptr) memos_[slot] = std::make_unique<Memo>();
  std::copy(memo.begin(), memo.end(), memos_[slot]->begin());
}

std::size_t ConnectionTable::connections_from(ClientAddress address) const {
  return clients_.connections_from(address);
}

SlotList& ConnectionTable::lobby(ConnectionState state) {
  return state == ConnectionState::kSilent ? silent_ : parked_;
}

void ConnectionTable::enter_lobby(ConnectionRow& row, ConnectionState state, Instant now) {
  SlotList& list = lobby(state);
  join(list, list.last(), row, state, now);
}

void ConnectionTable::leave_lobby(ConnectionRow& row) {
  leave_place(row);
  row.state = ConnectionState::kLookedAt;
}

ConnectionRow* ConnectionTable::longest_in_lobby(ConnectionState state) { return at(lobby(state).first()); }

void ConnectionTable::enqueue(ConnectionRow& row, Instant now, bool came_back) {
  row.queued_at = now;
  SlotList& queue = came_back ? came_back_ : waiting_;
  join(queue, queue.last(), row, ConnectionState::kQueued, now);
}

void ConnectionTable::requeue(ConnectionRow& row, Instant now) {
  // The list is sorted, so that its first connection is always the next to expire. The walk is short: before
  // it stand only connections that were dispatched together with it and are back already.
  std::uint32_t previous = came_back_.last();
  if (previous != kNoSlot && entries_[previous].row.queued_at > row.queued_at) {
    previous = kNoSlot;
    for (std::uint32_t slot = came_back_.first(); entries_[slot].row.queued_at <= row.queued_at;
         slot = entries_[slot].links[kPlace].next) {
      previous = slot;
    }
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
  list.insert(previous, slot_of(row), links(kPlace));
  if (&list != &waiting_) return;
  clients_.at(entry.client).waiting.push_back(slot_of(row), links(kClient));
  clients_.on_queued(entry.client);
}

ConnectionRow* ConnectionTable::front(Order order) {
  return came_back_.empty() ? front_of_waiting(order) : at(came_back_.first());
}

ConnectionRow* ConnectionTable::front_of_waiting(Order order) {
  if (waiting_.empty()) return nullptr;
  const SlotList& list = order.by_turns ? clients_.next_in_turn(order.newest_first)->waiting : waiting_;
  return at(order.newest_first ? list.last() : list.first());
}

ConnectionRow* ConnectionTable::last_to_be_served(Order order) {
  if (waiting_.empty()) return nullptr;
  const SlotList& list = order.by_turns ? clients_.most_waiting(order.newest_first)->waiting : waiting_;
  return at(order.newest_first ? list.first() : list.last());
}

ConnectionRow* ConnectionTable::longest_queued() {
  ConnectionRow* back = at(came_back_.first());
  ConnectionRow* waiting = at(waiting_.first());
  if (back == nullptr || waiting == nullptr) return back != nullptr ? back : waiting;
  return back->queued_at <= waiting->queued_at ? back : waiting;
}

void ConnectionTable::assign(ConnectionRow& row, WorkerId worker, Instant now, bool newest_first) {
  const Entry& entry = entries_[row.ticket.slot()];
  if (entry.place == &waiting_) clients_.end_turn(entry.client, newest_first);
  leave_place(row);
  row.state = ConnectionState::kDispatched;
  row.since = now;
  row.worker = worker;
  held_by(worker).push_back(slot_of(row), links(kPlace));
  row.late_receipt = row.looked_last = false;
  await_last(receipts_, row);
}

void ConnectionTable::allow_late_receipt(ConnectionRow& row) {
  row.late_receipt = true;
  await_last(late_, row);
}

void ConnectionTable::await_receipt(ConnectionRow& row) {
  std::uint32_t previous = receipts_.last();
  while (previous != kNoSlot && entries_[previous].row.since > row.since) {
    previous = entries_[previous].links[kAwaited].previous;
  }
  await(receipts_, row, previous);
}

void ConnectionTable::unassign(ConnectionRow& row) {
  forget_awaited(row);
  leave_place(row);
  row.worker = WorkerId{};
}

void ConnectionTable::await(SlotList& list, const ConnectionRow& row, std::uint32_t previous) {
  forget_awaited(row);
  entries_[row.ticket.slot()].awaited = &list;
  list.insert(previous, slot_of(row), links(kAwaited));
}

void ConnectionTable::await_last(SlotList& list, const ConnectionRow& row) {
  forget_awaited(row);
  await(list, row, list.last());
}

void ConnectionTable::forget_awaited(const ConnectionRow& row) {
  SlotList* list = std::exchange(entries_[row.ticket.slot()].awaited, nullptr);
  if (list != nullptr) list->remove(slot_of(row), links(kAwaited));
}

void ConnectionTable::forget_receipt(const ConnectionRow& row) {
  if (row.state == ConnectionState::kDispatched) forget_awaited(row);
}

void ConnectionTable::begin(ConnectionRow& row, Instant begun_at, Instant now) {
  ++begun_;
  if (row.may_park) ++parkable_;
  row.state = ConnectionState::kBusy;
  row.begun_at = begun_at;
  row.progressed = false;
  row.since = now;
  await_last(active_, row);
}

void ConnectionTable::progress(ConnectionRow& row, Instant now) {
  row.since = now;
  row.progressed = true;
  if (row.dismissed) return;
  await_last(active_, row);
}

ConnectionRow* ConnectionTable::next_held(const ConnectionRow& row) {
  return at(entries_[row.ticket.slot()].links[kPlace].next);
}

ConnectionRow* ConnectionTable::previous_held(const ConnectionRow& row) {
  return at(entries_[row.ticket.slot()].links[kPlace].previous);
}

SlotList& ConnectionTable::held_by(WorkerId worker) {
  if (worker.slot() >= held_.size()) held_.resize(worker.slot() + 1);
  return held_[worker.slot()];
}

void ConnectionTable::leave_place(ConnectionRow& row) {
  Entry& entry = entries_[row.ticket.slot()];
  if (entry.place != nullptr) {
    entry.place->remove(slot_of(row), links(kPlace));
    if (entry.place == &waiting_) {
      clients_.at(entry.client).waiting.remove(slot_of(row), links(kClient));
      clients_.on_dequeued(entry.client);
    }
    entry.place = nullptr;
  } else if (row.worker) {
    held_by(row.worker).remove(slot_of(row), links(kPlace));
    if (row.state == ConnectionState::kBusy) {
      --begun_;
      if (row.may_park) --parkable_;
    }
  }
}

}  // namespace prefork
