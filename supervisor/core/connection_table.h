// The connections that the pool knows of, and the lists they stand in: the lobby (those that have nothing to
// say yet), the queue (those that came back from a worker before those that are new), the receipts that are
// awaited, and what each worker holds. All operations but requeue() take constant time and, once the table
// has grown to its size, allocate nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "supervisor/core/client_table.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/slot_list.h"

namespace prefork {

enum class ConnectionState {
  kSilent,      ///< in the lobby: has sent nothing yet
  kParked,      ///< in the lobby: answered, and kept for its next request
  kLookedAt,    ///< its time in the lobby is over; io is asked whether it has something to say after all
  kQueued,      ///< wants a worker
  kDispatched,  ///< sent to a worker that has not begun it
  kBusy,        ///< begun
  kInspected,   ///< its worker died; io is asked whether a byte was consumed or answered
};

struct ConnectionRow {
  Ticket ticket;
  ConnectionState state = ConnectionState::kQueued;
  ListenerIndex listener = 0;
  ClientAddress client = kNoAddress;
  bool copy_held = true;          ///< our copy of the socket is open
  std::uint8_t redispatches = 0;  ///< how often it came back from a worker
  std::uint8_t kills = 0;         ///< how many workers died that had begun it
  bool dismissed = false;         ///< ended for the client while its worker was stuck
  bool answered = false;          ///< a worker has parked it before
  bool may_park = false;          ///< its worker was told that it may
  bool evicted = false;           ///< is to leave the lobby to make room
  Instant accepted_at;
  Instant asked_at;   ///< when it wanted a worker: was accepted, or left the lobby
  Instant begun_at;   ///< kBusy
  bool sent = false;  ///< has been dispatched since asked_at, whatever became of it
  Instant since;      ///< start of the present state; kBusy: of the last sign of progress
  Instant queued_at;  ///< since when it has wanted a worker; a dispatch that failed does not interrupt that
  WorkerId worker;    ///< kDispatched, kBusy

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("ticket", self.ticket), visit("state", self.state), visit("listener", self.listener);
    visit("client", self.client);
    visit("copy_held", self.copy_held), visit("redispatches", self.redispatches);
    visit("kills", self.kills), visit("dismissed", self.dismissed);
    visit("answered", self.answered), visit("may_park", self.may_park);
    visit("evicted", self.evicted);
    visit("asked_at", self.asked_at), visit("begun_at", self.begun_at);
    visit("accepted_at", self.accepted_at), visit("sent", self.sent), visit("since", self.since);
    visit("queued_at", self.queued_at), visit("worker", self.worker);
  }
};

class ConnectionTable {
 public:
  /// Adds a connection, in no list yet. `ticket` must be larger than all before it.
  ConnectionRow& add(Ticket ticket, ListenerIndex listener, Instant now, ClientAddress client = kNoAddress);
  /// Takes the connection out of its lists and forgets it.
  void remove(Ticket ticket);
  [[nodiscard]] const ConnectionRow* find(Ticket ticket) const;
  [[nodiscard]] ConnectionRow* find(Ticket ticket);
  [[nodiscard]] std::size_t size() const { return size_; }
  /// How many of them are from there.
  [[nodiscard]] std::size_t from(ClientAddress client) const { return clients_.from(client); }
  /// How many of them are kBusy, and how many of those may still be parked.
  [[nodiscard]] std::size_t begun() const { return begun_; }
  [[nodiscard]] std::size_t parkable() const { return parkable_; }

  /// Into the lobby, at the end.
  void wait(ConnectionRow& row, ConnectionState state, Instant now);
  /// Out of the lobby, to be looked at.
  void look_at(ConnectionRow& row);
  /// The one that has been in the lobby in this state, kSilent or kParked, the longest; null when none is.
  [[nodiscard]] ConnectionRow* longest_waiting(ConnectionState state);
  /// How many are in the lobby.
  [[nodiscard]] std::size_t silent() const { return silent_.size; }
  [[nodiscard]] std::size_t parked() const { return parked_.size; }

  /// Into the queue: at the end, or, when it comes back from a worker, behind the others that came back.
  void enqueue(ConnectionRow& row, Instant now, bool came_back);
  /// Back into the queue as if it had never left: among those that came back, by the time of queued_at.
  void requeue(ConnectionRow& row, Instant now);
  /// Who goes first. Those that came back always do.
  struct Order {
    bool newest_first = false;
    bool by_turns = false;  ///< the clients' addresses take turns
  };
  /// The connection to be dispatched next; null when nobody waits.
  [[nodiscard]] ConnectionRow* front(Order order);
  /// The connection that can best be spared: of the client that waits with the most, or of all, the last to
  /// be served. One that came back never is; null when no other waits.
  [[nodiscard]] ConnectionRow* last_to_be_served(Order order);
  /// The connection that has been in the queue the longest; null when nobody waits.
  [[nodiscard]] ConnectionRow* longest_queued();
  [[nodiscard]] std::size_t queued() const { return came_back_.size + waiting_.size; }

  /// From the queue to a worker.
  void assign(ConnectionRow& row, WorkerId worker, Instant now, bool newest_first = false);
  /// Back out of the worker's hands, into no list.
  void unassign(ConnectionRow& row);
  /// The worker has begun it: its receipt is no longer awaited.
  void begin(ConnectionRow& row, Instant now);
  /// The worker has said that it is still at work on it.
  void progress(ConnectionRow& row, Instant now);
  /// The worker is stuck with it: it is not awaited any more.
  void forget_progress(ConnectionRow& row) { unlink(active_, row.ticket.slot(), kAwaited); }
  /// The begun connection that has made no progress for the longest time; null when none is awaited.
  [[nodiscard]] ConnectionRow* longest_active();
  /// Its receipt is not awaited any more, though it is not begun.
  void forget_receipt(ConnectionRow& row) {
    if (row.state == ConnectionState::kDispatched) unlink(receipts_, row.ticket.slot(), kAwaited);
  }
  /// The dispatched connection whose receipt has been awaited the longest; null when none is.
  [[nodiscard]] ConnectionRow* longest_awaited();
  /// The first connection in a worker's hands; null when it has none.
  [[nodiscard]] ConnectionRow* first_held(WorkerId worker);
  [[nodiscard]] ConnectionRow* next_held(const ConnectionRow& row);

  /// All there is to know of a table, each list in its order.
  struct Contents {
    std::vector<ConnectionRow> silent, parked;      ///< the lobby
    std::vector<ConnectionRow> came_back, waiting;  ///< the queue
    std::vector<ConnectionRow> held;                ///< in workers' hands
    std::vector<Ticket> receipts, active;
    ClientTable::Waiting clients;
  };
  [[nodiscard]] Contents contents() const;
  /// Into a new table.
  void fill(const Contents& contents);
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    Contents contents = self.contents();
    visit("silent", contents.silent), visit("parked", contents.parked);
    visit("came_back", contents.came_back), visit("waiting", contents.waiting), visit("held", contents.held);
    visit("receipts", contents.receipts), visit("active", contents.active);
    visit("client_turns", contents.clients.turns), visit("client_levels", contents.clients.levels);
    if constexpr (!std::is_const_v<Self>) self.fill(contents);
  }

  /// What is wrong with the table, for tests and checking builds; null when nothing is.
  [[nodiscard]] const char* broken_invariant() const;

 private:
  static constexpr std::uint32_t kNone = SlotList::kNone;
  static constexpr std::size_t kByPlace = 0;   ///< links of the lobby, the queue or the worker's list
  static constexpr std::size_t kAwaited = 1;   ///< links of the receipts or of the active ones
  static constexpr std::size_t kByClient = 2;  ///< links of the client's waiting ones
  struct Links {
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
    bool linked = false;
  };
  struct Entry {
    ConnectionRow row;
    Links links[3];
    SlotList* place = nullptr;  ///< the list of kByPlace, of the lobby or the queue; null for a worker's
    Client* client = nullptr;
  };

  void append(SlotList& list, std::size_t slot, std::size_t which) { insert(list, list.last, slot, which); }
  /// Behind the slot `previous`; kNone: first.
  void insert(SlotList& list, std::uint32_t previous, std::size_t slot, std::size_t which);
  void unlink(SlotList& list, std::size_t slot, std::size_t which);
  void join(SlotList& list, std::uint32_t previous, ConnectionRow& row, ConnectionState state, Instant now);
  SlotList& lobby(ConnectionState state) { return state == ConnectionState::kSilent ? silent_ : parked_; }
  void leave_place(ConnectionRow& row);
  void forget_awaited(ConnectionRow& row);
  template <typename See>
  void walk(const SlotList& list, std::size_t which, See see) const {
    for (std::uint32_t slot = list.first; slot != kNone; slot = entries_[slot].links[which].next)
      see(entries_[slot].row);
  }
  ConnectionRow& put(const ConnectionRow& row);
  ConnectionRow* at(std::uint32_t slot) { return slot == kNone ? nullptr : &entries_[slot].row; }
  SlotList& held_by(WorkerId worker);

  std::vector<Entry> entries_;  ///< by ticket slot; ticket 0 marks a free one
  std::vector<SlotList> held_;  ///< by worker slot
  SlotList silent_;
  SlotList parked_;
  SlotList came_back_;
  SlotList waiting_;
  SlotList receipts_;
  SlotList active_;  ///< begun, by the time of their last sign of progress
  ClientTable clients_;
  std::size_t size_ = 0;
  std::size_t begun_ = 0;
  std::size_t parkable_ = 0;
};

}  // namespace prefork
