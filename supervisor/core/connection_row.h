// What the pool knows of one connection: plain values. The ConnectionTable keeps the rows and the lists that
// they are in; the Dispatcher decides what happens to them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "supervisor/core/client_table.h"
#include "supervisor/core/ids.h"

namespace prefork {

enum class ConnectionState {
  kSilent,      ///< in the lobby: the client has sent nothing yet
  kParked,      ///< in the lobby: answered, and kept for the client's next request
  kLookedAt,    ///< its time in the lobby is over; a Look action asks whether the client has sent something
  kQueued,      ///< wants a worker
  kDispatched,  ///< sent to a worker that has not begun it
  kBusy,        ///< begun
  kInspected,   ///< its worker died; an Inspect action asks whether a byte was consumed or answered
};

struct ConnectionRow {
  Ticket ticket;
  ConnectionState state = ConnectionState::kQueued;
  ListenerIndex listener = 0;
  ClientAddress client = kNoAddress;
  bool copy_held = true;          ///< the supervisor's copy of the socket is open
  std::uint8_t redispatches = 0;  ///< from how many workers it came back
  std::uint8_t kills = 0;         ///< how many workers died that had begun it
  bool dismissed = false;         ///< ended for the client while its worker was stuck
  bool given_back = false;        ///< a worker that left by itself, or died before it came to it, had it
  bool answered = false;          ///< a worker has parked it before
  bool may_park = false;          ///< its worker was allowed to park it
  bool late_receipt = false;      ///< its worker may have begun it without saying so; false after its receipt
  bool progressed = false;        ///< kBusy: its worker has reported Progress
  bool looked_last = false;       ///< with late_receipt: the kernel was asked at the end of receipt_timeout
  std::uint8_t questions = 0;     ///< Inspect actions that are not answered
  bool evicted = false;           ///< leaves the lobby to make room
  Instant accepted_at;
  Instant asked_at;       ///< when it wanted a worker: when it was accepted, or left the lobby
  Instant begun_at;       ///< kBusy
  bool sent = false;      ///< was dispatched at least once since asked_at, with any result
  bool proxied = false;   ///< a PROXY header comes first on it
  std::uint8_t memo = 0;  ///< length of the memo, which the table keeps
  Instant since;          ///< start of the present state; kBusy: of the last sign of progress
  Instant queued_at;  ///< since when it has wanted a worker; a dispatch that failed does not interrupt this
  WorkerId worker;    ///< kDispatched, kBusy
  std::uint64_t datagram = 0;              ///< its number among those for its worker; 0: unknown
  std::array<WorkerId, 2> came_from = {};  ///< the first workers that it came back from

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("ticket", self.ticket), visit("state", self.state), visit("listener", self.listener);
    visit("client", self.client);
    visit("copy_held", self.copy_held), visit("redispatches", self.redispatches);
    visit("kills", self.kills), visit("dismissed", self.dismissed);
    visit("answered", self.answered), visit("may_park", self.may_park);
    visit("late_receipt", self.late_receipt), visit("looked_last", self.looked_last);
    visit("questions", self.questions), visit("progressed", self.progressed);
    visit("evicted", self.evicted), visit("given_back", self.given_back);
    visit("asked_at", self.asked_at), visit("begun_at", self.begun_at);
    visit("accepted_at", self.accepted_at), visit("sent", self.sent), visit("since", self.since);
    visit("proxied", self.proxied), visit("memo", self.memo);
    visit("queued_at", self.queued_at), visit("worker", self.worker);
    visit("came_from", self.came_from), visit("datagram", self.datagram);
  }

  [[nodiscard]] bool came_back_from(WorkerId other) const {
    return redispatches > 0 && std::find(came_from.begin(), came_from.end(), other) != came_from.end();
  }
};

/// A connection's memo, for an upgrade in place.
struct KeptMemo {
  Ticket ticket;
  std::string bytes;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("ticket", self.ticket), visit("bytes", self.bytes);
  }
};

/// Everything that a ConnectionTable knows, each list in its order: the form in which a table is carried over
/// into another program.
struct ConnectionContents {
  std::vector<ConnectionRow> silent, parked;      ///< the lobby
  std::vector<ConnectionRow> came_back, waiting;  ///< the queue
  std::vector<ConnectionRow> held;                ///< dispatched to workers, or begun by them
  std::vector<KeptMemo> memos;
  std::vector<Ticket> receipts, awaited, late, active;
  /// Dispatched, and their workers may leave the receipt out. In `held` they are begun, and not in
  /// `receipts`: an earlier version, which reads nothing of this and of `awaited`, must not take the end of
  /// one for a lie, and asks the kernel when its worker dies.
  std::vector<Ticket> unsaid;
  ClientTable::Order clients;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("silent", self.silent), visit("parked", self.parked);
    visit("came_back", self.came_back), visit("waiting", self.waiting), visit("held", self.held);
    visit("memos", self.memos), visit("receipts", self.receipts), visit("awaited", self.awaited);
    visit("late", self.late), visit("active", self.active), visit("unsaid", self.unsaid);
    visit("client_turns", self.clients.turns), visit("client_levels", self.clients.levels);
  }
};

}  // namespace prefork
