// The connections of a pool and the lists that they are in: the lobby (the client has not sent anything yet),
// the queue (connections that came back from a worker before new ones), the receipts that are awaited, and
// the connections that each worker holds. All operations but requeue() take constant time and allocate
// nothing when the table is warm.
//
// More than 15 functions and 120 lines: the table needs one function for each change of a connection's place,
// and one for each list whose first entry is asked for. All of them keep the same entries, links and counts
// consistent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

#include "supervisor/core/client_table.h"
#include "supervisor/core/connection_row.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/slot_list.h"

namespace prefork {

class ConnectionTable {
 public:
  /// Adds a connection, in no list yet. `ticket` must be larger than all before it.
  ConnectionRow& add(Ticket ticket, ListenerIndex listener, Instant now, ClientAddress client = kNoAddress);
  /// Takes the connection out of its lists and forgets it.
  void remove(Ticket ticket);
  [[nodiscard]] const ConnectionRow* find(Ticket ticket) const;
  [[nodiscard]] ConnectionRow* find(Ticket ticket);
  [[nodiscard]] std::size_t size() const { return size_; }
  /// What the last Park left for the next worker; empty when it left nothing. The bytes stay where they are
  /// until the connection is removed.
  [[nodiscard]] std::string_view memo(const ConnectionRow& row) const;
  /// Replaces it; empty: there is none any more. At most kMaxMemo bytes.
  void set_memo(ConnectionRow& row, std::string_view memo);
  [[nodiscard]] std::size_t connections_from(ClientAddress address) const;
  /// How many are kBusy, and how many of these may still be parked.
  [[nodiscard]] std::size_t begun() const { return begun_; }
  [[nodiscard]] std::size_t parkable() const { return parkable_; }

  /// To the end of the lobby. `state`, here and below: kSilent or kParked.
  void enter_lobby(ConnectionRow& row, ConnectionState state, Instant now);
  /// Into the state kLookedAt and into no list.
  void leave_lobby(ConnectionRow& row);
  /// The connection that has been in this state the longest; null when there is none.
  [[nodiscard]] ConnectionRow* longest_in_lobby(ConnectionState state);
  [[nodiscard]] std::size_t silent() const { return silent_.size(); }
  [[nodiscard]] std::size_t parked() const { return parked_.size(); }

  /// To the end of the queue; a connection that comes back from a worker goes behind the others that came
  /// back.
  void enqueue(ConnectionRow& row, Instant now, bool came_back);
  /// Back into the queue as if it had never left: among the connections that came back, by queued_at.
  void requeue(ConnectionRow& row, Instant now);
  /// Which connection goes first. Those that came back from a worker always do.
  struct Order {
    bool newest_first = false;
    bool by_turns = false;  ///< client addresses take turns
  };
  /// The connection to be dispatched next; null when the queue is empty.
  [[nodiscard]] ConnectionRow* front(Order order);
  /// The same among those that have not come back from a worker.
  [[nodiscard]] ConnectionRow* front_of_waiting(Order order);
  /// The connection that is turned away when the queue is too long: the last to be served, of the client that
  /// waits with the most or of all. Never one that came back; null when no other is queued.
  [[nodiscard]] ConnectionRow* last_to_be_served(Order order);
  /// The connection that has been in the queue the longest; null when the queue is empty.
  [[nodiscard]] ConnectionRow* longest_queued();
  [[nodiscard]] std::size_t queued() const { return came_back_.size() + waiting_.size(); }

  /// From the queue to a worker.
  void assign(ConnectionRow& row, WorkerId worker, Instant now, bool newest_first = false);
  /// The worker does not hold it any more; into no list.
  void unassign(ConnectionRow& row);
  /// The worker may leave its receipt out: it is not awaited before await_receipt().
  void allow_late_receipt(ConnectionRow& row);
  /// From now on its receipt is awaited, since it was dispatched.
  void await_receipt(ConnectionRow& row);
  /// The worker has begun it, at `begun_at`: its receipt is no longer awaited.
  void begin(ConnectionRow& row, Instant begun_at, Instant now);
  /// The worker has reported that it still works on it.
  void progress(ConnectionRow& row, Instant now);
  /// The worker is stuck with it: no progress is awaited any more.
  void forget_progress(const ConnectionRow& row) { forget_awaited(row); }
  /// The begun connection without progress for the longest time; null when no progress is awaited.
  [[nodiscard]] ConnectionRow* longest_active() { return at(active_.first()); }
  /// Its receipt is not awaited any more, though it is not begun.
  void forget_receipt(const ConnectionRow& row);
  /// The dispatched connection whose receipt has been awaited the longest; null when no receipt is awaited.
  [[nodiscard]] ConnectionRow* longest_without_receipt() { return at(receipts_.first()); }
  /// The same among those whose workers may leave it out.
  [[nodiscard]] ConnectionRow* longest_late() { return at(late_.first()); }
  /// The connections that a worker holds, one after the other; null at the end.
  [[nodiscard]] ConnectionRow* first_held(WorkerId worker) { return at(held_by(worker).first()); }
  [[nodiscard]] ConnectionRow* next_held(const ConnectionRow& row);
  /// The same from the last to the first.
  [[nodiscard]] ConnectionRow* last_held(WorkerId worker) { return at(held_by(worker).last()); }
  [[nodiscard]] ConnectionRow* previous_held(const ConnectionRow& row);
  /// Calls `visit` with each connection that the worker holds.
  template <typename Visit>
  void for_each_held(WorkerId worker, Visit visit) const {
    if (worker.slot() >= held_.size()) return;
    const auto links = [this](std::uint32_t slot) -> const SlotLinks& {
      return entries_[slot].links[kPlace];
    };
    held_[worker.slot()].for_each(links, [&](std::uint32_t slot) { visit(entries_[slot].row); });
  }

  [[nodiscard]] ConnectionContents contents() const;
  /// Into a new table.
  void fill(const ConnectionContents& contents);
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    ConnectionContents contents = self.contents();
    ConnectionContents::visit_state(contents, visit);
    if constexpr (!std::is_const_v<Self>) self.fill(contents);
  }

  /// What is wrong with the table, for tests and checking builds; null when nothing is.
  [[nodiscard]] const char* broken_invariant() const;

 private:
  /// Which of an entry's links: an entry is in at most one list of each kind.
  enum Kind : std::uint8_t {
    kPlace,    ///< the lobby, the queue, or the connections of a worker
    kAwaited,  ///< the receipts, the late ones or the active ones
    kClient,   ///< the client's queued ones
  };
  struct Entry {
    ConnectionRow row;
    SlotLinks links[3];
    SlotList* place = nullptr;    ///< the list of kind kPlace; null in none or in a worker's
    SlotList* awaited = nullptr;  ///< the list of kind kAwaited; null in none
    std::uint32_t client = 0;     ///< slot in clients_
  };

  static std::uint32_t slot_of(const ConnectionRow& row) {
    return static_cast<std::uint32_t>(row.ticket.slot());
  }
  [[nodiscard]] auto links(Kind kind) {
    return [this, kind](std::uint32_t slot) -> SlotLinks& { return entries_[slot].links[kind]; };
  }
  [[nodiscard]] ConnectionRow* at(std::uint32_t slot) {
    return slot == kNoSlot ? nullptr : &entries_[slot].row;
  }
  [[nodiscard]] SlotList& lobby(ConnectionState state);
  [[nodiscard]] SlotList& held_by(WorkerId worker);
  void join(SlotList& list, std::uint32_t previous, ConnectionRow& row, ConnectionState state, Instant now);
  void leave_place(ConnectionRow& row);
  void await(SlotList& list, const ConnectionRow& row, std::uint32_t previous);
  void await_last(SlotList& list, const ConnectionRow& row);
  void await_all(SlotList& list, const std::vector<Ticket>& tickets);
  void forget_awaited(const ConnectionRow& row);
  void set_memos(const std::vector<KeptMemo>& memos);
  ConnectionRow& put(const ConnectionRow& row);
  [[nodiscard]] const char* broken_memo() const;

  using Memo = std::array<char, kMaxMemo>;

  std::vector<Entry> entries_;  ///< by ticket slot; ticket 0 marks a free one
  /// By ticket slot; only as long as the last one that has had a memo needs. One without a memo has none, or
  /// the place of its last one: what was to be sent with that may still be on its way.
  std::vector<std::unique_ptr<Memo>> memos_;
  std::vector<SlotList> held_;  ///< by worker slot
  SlotList silent_;
  SlotList parked_;
  SlotList came_back_;
  SlotList waiting_;
  SlotList receipts_;
  SlotList late_;    ///< dispatched; their workers may leave the receipt out
  SlotList active_;  ///< begun, by the time of their last sign of progress
  ClientTable clients_;
  std::size_t size_ = 0;
  std::size_t begun_ = 0;
  std::size_t parkable_ = 0;
};

}  // namespace prefork
