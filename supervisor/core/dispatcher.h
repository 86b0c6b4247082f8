// The connections of a pool: which one gets a worker next and which worker that is, the lobby, the receipts,
// and what happens to the connections of a dead worker. Takes and returns slots of workers; starting and
// stopping workers is Lifecycle's part.
//
// More than 15 functions and 120 lines: Pool needs one function for each event of a connection, and the
// constants that they share are documented here.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "supervisor/core/action.h"
#include "supervisor/core/connection_table.h"
#include "supervisor/core/counters.h"
#include "supervisor/core/event.h"
#include "supervisor/core/settings.h"
#include "supervisor/core/standing_queue.h"
#include "supervisor/core/worker_table.h"

namespace prefork {

class Dispatcher {
 public:
  /// A connection that comes back from more workers is closed: it may be what kills them.
  static constexpr std::uint8_t kMaxRedispatches = 2;
  /// A connection that so many workers began and died of is closed.
  static constexpr std::uint8_t kMaxKills = 2;
  /// How long a worker that refused, or does not read its channel, gets nothing new.
  static constexpr Duration kPause = std::chrono::milliseconds(100);
  /// How long nothing is sent to any worker when the machine is short of something.
  static constexpr Duration kResourcePause = std::chrono::milliseconds(10);
  /// After this time in the queue a client may have left: look before sending.
  static constexpr Duration kLookAfter = std::chrono::milliseconds(1);
  /// How many connections make room at a time when no descriptor is free.
  static constexpr int kMakeRoom = 16;
  /// How many connections expire at a time, in the lobby and in the queue, when many are due at once.
  static constexpr int kExpireAtOnce = 256;
  /// A worker that may leave its receipt out has probably begun after this time: ask the kernel.
  static constexpr Duration kLateReceipt = std::chrono::milliseconds(100);
  /// Below this age a silent connection may have a request in flight: evict parked connections first.
  static constexpr Duration kFresh = std::chrono::seconds(1);

  using What = Violation::What;

  /// Connections that a worker held when it died.
  struct Held {
    std::uint32_t begun = 0;      ///< among them those of which an inspection will tell
    std::uint32_t uncertain = 0;  ///< these; the others were begun for certain
    std::uint32_t unbegun = 0;    ///< these are queued again
    std::uint32_t closed = 0;     ///< not begun either, and came back too often
  };

  Dispatcher(const PoolSettings& settings, WorkerTable& workers, Counters& counters)
      : settings_(settings), workers_(workers), counters_(counters) {}

  void accepted(const event::Accepted& event, Instant now, Actions& out);
  void client_seen(const event::ClientSeen& event, Instant now, Actions& out);
  /// Descriptors are short: ends some of the connections in the lobby.
  void make_room(Instant now, Actions& out);
  /// Undoes the dispatch. The caller decides what follows for the worker.
  void dispatch_failed(const event::DispatchFailed& event, WorkerRow& row, Instant now, Actions& out);
  void inspected(const event::Inspected& event, Instant now, Actions& out);

  // Records from a ready, draining or stopping worker. A record that does not fit changes nothing.
  // `unread`: as in event::WorkerBusy.
  using Unread = std::optional<std::uint32_t>;
  std::optional<What> busy(WorkerRow& row, Ticket ticket, Unread unread, Instant now, Actions& out);
  std::optional<What> idle(WorkerRow& row, Ticket ticket, Unread unread, Instant now, Actions& out);
  std::optional<What> parked(WorkerRow& row, const event::WorkerParked& event, Instant now, Actions& out);
  std::optional<What> refused(WorkerRow& row, Ticket ticket, Unread unread, Instant now, Actions& out);
  std::optional<What> progress(const WorkerRow& row, Ticket ticket, Instant now);

  /// The worker is dead: connections that it had not begun go to other workers, the others are inspected or
  /// lost. `received_none`: as in event::WorkerExited.
  Held take_back(WorkerRow& row, bool received_none, Instant now, Actions& out);
  /// The worker takes nothing more: connections that it has not begun go to other workers. They do not count
  /// as connections that came back from it. False: there are none.
  bool give_back(WorkerRow& row, Instant now, Actions& out);
  /// The worker will be killed for its missing receipts: they are not awaited any more.
  void forget_receipts(const WorkerRow& row);

  /// Hands out queued connections while workers have room.
  void dispatch(Instant now, Actions& out);
  /// Ends connections that have waited too long, in the queue or in the lobby.
  void expire(Instant now, Actions& out);
  /// The pool is being stopped: no client is waited for any more. A client that has sent something is served.
  void close_lobby(Actions& out);
  /// The pool is being stopped: ends everything that is queued.
  void discard_queue(Actions& out);

  /// Asks the kernel about connections whose workers may have left their receipts out.
  void look_for_receipts(Instant now, Actions& out);
  /// The worker whose receipt has been awaited too long, if there is one. Where receipts may be left out, the
  /// kernel is asked once more before.
  [[nodiscard]] std::optional<WorkerId> overdue_receipt(Instant now, Actions& out);
  /// Ends one of the connections without progress for too long, for its client. Returns the worker that is
  /// stuck with it, if there is one.
  [[nodiscard]] std::optional<WorkerId> dismiss_overdue(Instant now, Actions& out);
  [[nodiscard]] std::optional<Instant> next_deadline();
  /// The pool can accept: there is room in the queue, or connections without room are turned away.
  [[nodiscard]] bool has_room() const {
    return settings_.full == QueueFull::kReject || connections_.queued() < settings_.queue_max;
  }
  /// Workers have begun all connections: none waits for a worker or may come back without being begun.
  [[nodiscard]] bool all_begun() const { return connections_.begun() == connections_.size(); }
  /// A worker may park a connection that it has begun, and its client may ask again.
  [[nodiscard]] bool may_be_parked() const { return connections_.parkable() > 0; }
  /// This worker may.
  [[nodiscard]] bool may_be_parked_by(const WorkerRow& row) const;
  [[nodiscard]] const ConnectionTable& connections() const { return connections_; }
  /// How many this worker has neither begun nor refused.
  [[nodiscard]] std::uint32_t unreceived_by(const WorkerRow& row) const;
  /// After visit_state() has filled it: earlier versions note what workers have not received in another way.
  void restored();

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("connections", self.connections_), visit("paused_until", self.paused_until_);
    visit("standing", self.standing_), visit("keepers", self.keepers_);
    visit("waiting", self.lobby_open_);  // the name earlier versions use
  }

 private:
  /// The connection if this worker holds it; null otherwise.
  ConnectionRow* find_held(const WorkerRow& row, Ticket ticket);
  /// The connection is still in the worker's channel, which keeps the order. A record that could not be sent
  /// is counted in `datagrams` and never unread: then the answer is milder, never stricter.
  [[nodiscard]] bool has_not_received(const WorkerRow& worker, const ConnectionRow& connection,
                                      Unread unread);
  /// The connection was not sent.
  void forget_datagram(WorkerRow& row, const ConnectionRow& connection);
  /// The worker has it no more.
  void take_from(WorkerRow& row, ConnectionRow& connection);
  /// Into the queue. Turns a connection away when the queue is too long.
  void enqueue(ConnectionRow& row, Instant now, Actions& out);
  void enter_lobby(ConnectionRow& row, ConnectionState state, Instant now, Actions& out);
  void leave_lobby(ConnectionRow& row, Actions& out);
  void evict(ConnectionRow& row, Actions& out);
  [[nodiscard]] ConnectionRow* next_to_evict(Instant now);
  [[nodiscard]] bool worker_may_keep() const;
  void expire_lobby(ConnectionState state, Duration timeout, Instant now, Actions& out);
  void begin(WorkerRow& row, ConnectionRow& connection, Instant begun_at, Instant now);
  void close_copy_if_due(ConnectionRow& connection, Actions& out);
  /// What a worker may end: it has begun it, or says so by ending it.
  std::optional<What> begin_late(WorkerRow& row, ConnectionRow& connection, Unread unread, Instant now);
  void finish(WorkerRow& row, const ConnectionRow& connection, Instant now);
  void inspect(ConnectionRow& connection, Actions& out);
  /// One that the dead worker had begun, or, with `uncertain`, may have begun.
  void take_begun(ConnectionRow& connection, bool uncertain, Held& held, Actions& out);
  [[nodiscard]] Duration late_receipt() const { return std::min(kLateReceipt, settings_.receipt_timeout); }
  void hand_out(Instant now, Actions& out);
  void dispatch_to(WorkerRow& worker, ConnectionRow& connection, Instant now, Actions& out);
  void ask_to_park(Actions& out);
  [[nodiscard]] ConnectionTable::Order order(Instant now);
  /// What goes to this worker: the front of the queue, or the next one if the worker has refused that one.
  ConnectionRow* next_for(const WorkerRow& worker, ConnectionTable::Order order);
  /// It has come back from this worker. False: not for the first time.
  static bool remember(ConnectionRow& row, WorkerId worker);
  /// False: it has come back too often, or waited too long, and is ended.
  bool come_back(ConnectionRow& row, bool first_time, Instant now, Actions& out);
  void give_up(ConnectionRow& row, Actions& out);
  void end(Ticket ticket, action::End::How how, std::uint64_t& counter, Actions& out);

  const PoolSettings& settings_;
  WorkerTable& workers_;
  Counters& counters_;
  ConnectionTable connections_;
  std::optional<Instant> paused_until_;
  StandingQueue standing_;
  std::vector<WorkerId> keepers_;  ///< workers that may keep a connection for its next request
  bool lobby_open_ = true;
};

}  // namespace prefork
