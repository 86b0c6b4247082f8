// Connections: the lobby, the queue, who gets the next one, the receipts, and what becomes of them when their
// worker dies. Takes slots and gives them back; starting and stopping workers is the Lifecycle's business.
#pragma once

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
  /// A connection that came back this often and comes back once more is closed: it may be what kills the
  /// workers.
  static constexpr std::uint8_t kMaxRedispatches = 2;
  /// A connection that so many workers began and died of is closed.
  static constexpr std::uint8_t kMaxKills = 2;
  /// How long a worker that refused, or does not read its channel, gets nothing new.
  static constexpr Duration kPause = std::chrono::milliseconds(100);
  /// How long nothing is sent at all when the machine is short of something.
  static constexpr Duration kResourcePause = std::chrono::milliseconds(10);
  /// Who has waited longer for a worker may have left meanwhile.
  static constexpr Duration kLookAfter = std::chrono::milliseconds(1);
  /// How many make room at a time when no descriptor is free.
  static constexpr int kMakeRoom = 16;
  /// How many leave the lobby, and the queue, at a time when many are due at once.
  static constexpr int kExpireAtOnce = 256;
  /// Who is silent for less may have a request under way: parked ones make room before him.
  static constexpr Duration kFresh = std::chrono::seconds(1);

  using Violation = action::ReportViolation::What;

  /// Connections that a worker held when it died.
  struct Held {
    std::uint32_t begun = 0;
    std::uint32_t unbegun = 0;
  };

  Dispatcher(const PoolSettings& settings, WorkerTable& workers, Counters& counters)
      : settings_(settings), workers_(workers), counters_(counters) {}

  void accepted(const event::Accepted& event, Instant now, Actions& out);
  void seen(const event::ClientSeen& event, Instant now, Actions& out);
  /// Ends some of those that only wait for data: the descriptors are needed.
  void make_room(Instant now, Actions& out);
  /// Undoes the dispatch. What follows for the worker is the caller's to decide.
  void dispatch_failed(const event::DispatchFailed& event, WorkerRow& row, Instant now, Actions& out);
  void inspected(const event::Inspected& event, Instant now, Actions& out);

  // Records from a ready, draining or stopping worker. A record that does not fit changes nothing.
  std::optional<Violation> busy(WorkerRow& row, Ticket ticket, Instant now, Actions& out);
  std::optional<Violation> idle(WorkerRow& row, Ticket ticket, Instant now, Actions& out);
  std::optional<Violation> parked(WorkerRow& row, Ticket ticket, Instant now, Actions& out);
  std::optional<Violation> refused(WorkerRow& row, Ticket ticket, Instant now, Actions& out);
  std::optional<Violation> progress(const WorkerRow& row, Ticket ticket, Instant now);

  /// The worker is dead: what it had not begun goes to others, the rest is inspected or lost.
  Held take_back(WorkerRow& row, Instant now, Actions& out);
  /// The worker will be killed for it: its receipts are not awaited any more.
  void forget_receipts(const WorkerRow& row);

  /// Hands out what is queued while there are workers with room.
  void dispatch(Instant now, Actions& out);
  /// Ends what has waited too long, in the queue or in the lobby.
  void expire(Instant now, Actions& out);
  /// The pool is being stopped: from now on nobody is waited for. Who has something to say is served.
  void close_lobby(Actions& out);
  /// Ends everything that is queued: the pool is being stopped.
  void discard_queue(Actions& out);

  /// The worker whose receipt has been awaited too long, if there is one.
  [[nodiscard]] std::optional<WorkerId> overdue_receipt(Instant now);
  /// Ends the connection, of those that made no progress for too long, for its client; the worker that is
  /// stuck with it, if there is one.
  [[nodiscard]] std::optional<WorkerId> dismiss_overdue(Instant now, Actions& out);
  [[nodiscard]] std::optional<Instant> next_deadline();
  /// There is room in the queue, or those for whom there is none are to be told so.
  [[nodiscard]] bool has_room() const {
    return settings_.full == QueueFull::kReject || connections_.queued() < settings_.queue_max;
  }
  /// Nobody waits for a worker, or may do so again because its worker has not begun it or has left it.
  [[nodiscard]] bool all_begun() const { return connections_.begun() == connections_.size(); }
  /// Somebody whom a worker has begun may be parked, and ask again.
  [[nodiscard]] bool may_be_parked() const { return connections_.parkable() > 0; }
  [[nodiscard]] const ConnectionTable& connections() const { return connections_; }

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("connections", self.connections_), visit("paused_until", self.paused_until_);
    visit("standing", self.standing_), visit("keepers", self.keepers_), visit("waiting", self.waiting_);
  }

 private:
  /// The connection if this worker holds it, else what is wrong.
  ConnectionRow* held(const WorkerRow& row, Ticket ticket);
  /// Into the queue, or away where there is no room.
  void enqueue(ConnectionRow& row, Instant now, Actions& out);
  /// Into the lobby.
  void wait(ConnectionRow& row, ConnectionState state, Instant now, Actions& out);
  void leave_lobby(ConnectionRow& row, Actions& out);
  void evict(ConnectionRow& row, Actions& out);
  /// Who makes room next.
  [[nodiscard]] ConnectionRow* least_needed(Instant now);
  [[nodiscard]] bool may_keep() const;
  void expire_lobby(ConnectionState state, Duration timeout, Instant now, Actions& out);
  void finish(WorkerRow& row, const ConnectionRow& connection, Instant now);
  void hand_out(Instant now, Actions& out);
  void dispatch_to(WorkerRow& worker, ConnectionRow& connection, Instant now, Actions& out);
  void ask_keepers(Actions& out);
  [[nodiscard]] ConnectionTable::Order order(Instant now);
  void come_back(ConnectionRow& row, Instant now, Actions& out);
  void give_up(ConnectionRow& row, Actions& out);
  void end(Ticket ticket, action::End::How how, std::uint64_t& counter, Actions& out);

  const PoolSettings& settings_;
  WorkerTable& workers_;
  Counters& counters_;
  ConnectionTable connections_;
  std::optional<Instant> paused_until_;
  StandingQueue standing_;
  std::vector<WorkerId> keepers_;  ///< workers that may keep a connection for its next request
  bool waiting_ = true;            ///< the lobby is open
};

}  // namespace prefork
