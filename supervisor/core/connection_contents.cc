// The parts of ConnectionTable that look at all of it: carrying it over into another program, and checking
// it.
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "supervisor/core/connection_table.h"

namespace prefork {

ConnectionContents ConnectionTable::contents() const {
  ConnectionContents contents;
  const auto links = [this](Kind kind) {
    return [this, kind](std::uint32_t slot) -> const SlotLinks& { return entries_[slot].links[kind]; };
  };
  const auto rows = [&](const SlotList& list, std::vector<ConnectionRow>& to) {
    list.for_each(links(kPlace), [&](std::uint32_t slot) { to.push_back(entries_[slot].row); });
  };
  const auto tickets = [&](const SlotList& list, std::vector<Ticket>& to) {
    list.for_each(links(kAwaited), [&](std::uint32_t slot) { to.push_back(entries_[slot].row.ticket); });
  };
  rows(silent_, contents.silent);
  rows(parked_, contents.parked);
  rows(came_back_, contents.came_back);
  rows(waiting_, contents.waiting);
  for (const SlotList& list : held_) rows(list, contents.held);
  for (const Entry& entry : entries_) {
    if (entry.row.ticket && entry.row.memo != 0)
      contents.memos.push_back({entry.row.ticket, std::string(memo(entry.row))});
  }
  for (ConnectionRow& row : contents.held) {
    if (row.state != ConnectionState::kDispatched || !row.late_receipt) continue;
    row.state = ConnectionState::kBusy;
    contents.unsaid.push_back(row.ticket);
  }
  tickets(receipts_, contents.awaited);
  std::copy_if(contents.awaited.begin(), contents.awaited.end(), std::back_inserter(contents.receipts),
               [this](Ticket ticket) { return !find(ticket)->late_receipt; });
  tickets(late_, contents.late);
  tickets(active_, contents.active);
  contents.clients = clients_.order();
  return contents;
}

void ConnectionTable::fill(const ConnectionContents& contents) {
  const auto line_up = [this](SlotList& list, const std::vector<ConnectionRow>& rows, ConnectionState state) {
    for (const ConnectionRow& row : rows) join(list, list.last(), put(row), state, row.since);
  };
  line_up(silent_, contents.silent, ConnectionState::kSilent);
  line_up(parked_, contents.parked, ConnectionState::kParked);
  line_up(came_back_, contents.came_back, ConnectionState::kQueued);
  line_up(waiting_, contents.waiting, ConnectionState::kQueued);
  for (const ConnectionRow& row : contents.held) {
    held_by(row.worker).push_back(slot_of(put(row)), links(kPlace));
    if (row.state != ConnectionState::kBusy) continue;
    ++begun_;
    if (row.may_park) ++parkable_;
  }
  for (const Ticket ticket : contents.unsaid) {
    ConnectionRow* row = find(ticket);
    if (row == nullptr || row->state != ConnectionState::kBusy) continue;
    row->state = ConnectionState::kDispatched;
    --begun_;
    if (row->may_park) --parkable_;
  }
  set_memos(contents.memos);
  const bool of_earlier_version = contents.awaited.empty();
  await_all(receipts_, of_earlier_version ? contents.receipts : contents.awaited);
  await_all(late_, contents.late);
  await_all(active_, contents.active);
  clients_.set_order(contents.clients);
}

void ConnectionTable::await_all(SlotList& list, const std::vector<Ticket>& tickets) {
  for (const Ticket ticket : tickets) {
    if (const ConnectionRow* row = find(ticket)) await_last(list, *row);
  }
}

void ConnectionTable::set_memos(const std::vector<KeptMemo>& memos) {
  for (const KeptMemo& memo : memos) {
    ConnectionRow* row = find(memo.ticket);
    if (row != nullptr && memo.bytes.size() <= kMaxMemo) set_memo(*row, memo.bytes);
  }
}

ConnectionRow& ConnectionTable::put(const ConnectionRow& row) {
  ConnectionRow& own = add(row.ticket, row.listener, row.accepted_at, row.client);
  own = row;
  own.memo = 0;  // its bytes come by themselves
  return own;
}

const char* ConnectionTable::broken_memo() const {
  const auto fits = [this](const Entry& entry) {
    const std::size_t slot = static_cast<std::size_t>(&entry - entries_.data());
    const bool kept = slot < memos_.size() && memos_[slot] != nullptr;
    return entry.row.ticket ? entry.row.memo <= kMaxMemo && (kept || entry.row.memo == 0) : !kept;
  };
  const bool sound = memos_.size() <= entries_.size() && std::all_of(entries_.begin(), entries_.end(), fits);
  return sound ? nullptr : "a memo is kept for no connection, or missing, or too long";
}

// One loop over everything is easier to read than its parts.
const char* ConnectionTable::broken_invariant() const {  // NOLINT(readability-function-cognitive-complexity)
  std::size_t counts[7] = {};
  std::size_t known = 0;
  std::size_t parkable = 0;
  for (const Entry& entry : entries_) {
    if (!entry.row.ticket) continue;
    ++known;
    if (entry.row.state == ConnectionState::kBusy && entry.row.may_park) ++parkable;
    if (clients_.at(entry.client).address != entry.row.client) return "a connection is another client's";
    if (entry.links[kClient].linked != (entry.place == &waiting_)) {
      return "a client's list of waiting connections does not fit the queue";
    }
    ++counts[static_cast<std::size_t>(entry.row.state)];
    const bool held_by_worker =
        entry.row.state == ConnectionState::kDispatched || entry.row.state == ConnectionState::kBusy;
    if (held_by_worker != static_cast<bool>(entry.row.worker))
      return "a connection's worker does not fit its state";
    if ((entry.awaited != nullptr) != entry.links[kAwaited].linked) return "an awaited list is not noted";
    if (entry.awaited != nullptr && !held_by_worker) {
      return "a receipt or progress is awaited for a connection that no worker holds";
    }
    const bool lined_up = entry.row.state == ConnectionState::kQueued ||
                          entry.row.state == ConnectionState::kSilent ||
                          entry.row.state == ConnectionState::kParked;
    if ((entry.place != nullptr) != lined_up) {
      return "a connection's state does not fit its place in the lobby or the queue";
    }
  }
  if (const char* broken = broken_memo()) return broken;
  if (parkable_ != parkable) return "the connections that may be parked are miscounted";
  if (begun_ != counts[static_cast<std::size_t>(ConnectionState::kBusy)])
    return "the begun connections are miscounted";
  if (const char* broken = clients_.broken_invariant()) return broken;
  std::size_t held = 0;
  for (const SlotList& list : held_) held += list.size();
  if (known != size_) return "the number of connections is wrong";
  if (queued() != counts[static_cast<std::size_t>(ConnectionState::kQueued)])
    return "the queue's length is wrong";
  if (silent() != counts[static_cast<std::size_t>(ConnectionState::kSilent)] ||
      parked() != counts[static_cast<std::size_t>(ConnectionState::kParked)])
    return "the lobby's size is wrong";
  if (held != counts[static_cast<std::size_t>(ConnectionState::kDispatched)] +
                  counts[static_cast<std::size_t>(ConnectionState::kBusy)]) {
    return "the connections that workers hold are miscounted";
  }
  return nullptr;
}

}  // namespace prefork
