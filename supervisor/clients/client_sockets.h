// The sockets of one pool's connections, from accept to close. Carries out the core's actions on connections
// and reports what is seen of their clients. Does not send connections to workers: PoolRunner does, between
// prepare() and the worker's channel. Reads nothing from a client. Once a worker has had a socket, every call
// on it that can wait is a job for the Closer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/fd.h"
#include "supervisor/clients/client_sign.h"
#include "supervisor/clients/closer.h"
#include "supervisor/clients/lingering_close.h"
#include "supervisor/clients/lobby.h"
#include "supervisor/clients/preparations.h"
#include "supervisor/clients/socket_table.h"
#include "supervisor/core/action.h"
#include "supervisor/loop/core_event_sink.h"
#include "supervisor/loop/loop.h"
#include "supervisor/state/pool_state.h"

namespace prefork {

class ClientSockets final : private Lobby::Owner, private Closer::Owner {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The connection is prepared: sends it to its worker.
    virtual void send(const action::Dispatch& action) = 0;
    /// The name of the client for action::ReportGaveUp.
    virtual void gave_up(const std::string& client, unsigned times) = 0;
  };

  ClientSockets(const Loop& loop, CoreEventSink& events, Closer& closer, Owner& owner);
  ~ClientSockets() override { closer_.remove(key_); }
  ClientSockets(const ClientSockets&) = delete;
  ClientSockets& operator=(const ClientSockets&) = delete;

  /// The final replies to connections that the pool does not serve; empty: none.
  void set_replies(std::string_view reject_with, std::string_view crash_reply);
  /// The workers do not end connections themselves (shutdown): a client sees the end when our copy is closed.
  void set_close_is_the_end(bool is) { close_is_the_end_ = is; }
  /// Without a ticket: the table is full, and the socket is closed. `may_wait`: even before a worker gets it
  /// its close() can wait.
  [[nodiscard]] Ticket add(Fd socket, bool may_wait = false) {
    return sockets_.add(std::move(socket), may_wait);
  }
  /// The socket, which is not valid once our copy is closed. The ticket has not ended.
  [[nodiscard]] const Fd& at(Ticket ticket) const { return sockets_.at(ticket); }

  // The core's actions.
  void perform(const action::Watch& action) { watch(action.ticket); }
  void perform(const action::Look& action);
  void perform(const action::CloseCopy& action);
  void perform(const action::ReportGaveUp& action);
  void perform(const action::Inspect& action);
  void perform(const action::Dismiss& action);
  void perform(const action::End& action);
  /// Makes the socket ready to be sent to a worker, and has it sent: at once, unless another worker has had
  /// it. If the client has left, it is told as event::DispatchFailed instead.
  void perform(const action::Dispatch& action);
  /// What is being prepared for this worker gets there after its Yield, and so says itself what Yield says.
  void perform(const action::SendYield& action) { preparations_.park_at_once(action.worker); }

  /// What is left to do for connections that have ended for the core: lingering closes, and jobs.
  [[nodiscard]] std::size_t pending_closes() const { return lingering_close_.pending() + jobs_; }

  // For an upgrade in place.
  void write_state(PoolState& state) const;
  /// Into a new object. Returns what is wrong with the state, or an empty string.
  [[nodiscard]] std::string adopt(const PoolState& state);
  /// After adopt(), once the core is restored: watches the sockets that were watched before.
  void resume();

 private:
  using What = SocketJob::What;
  /// Between two looks at the connections that the kernel refuses to watch, and at how many of them.
  static constexpr Duration kLookAgain = std::chrono::milliseconds(100);
  static constexpr std::size_t kLooksAtOnce = 1000;

  // Lobby::Owner
  void seen(Ticket ticket, std::uint32_t events) override;
  // Closer::Owner
  void done(SocketJob& job) override;
  void stuck(const SocketJob& job) override;

  void watch(Ticket ticket);
  void measure(Ticket ticket);
  [[nodiscard]] bool arm(Ticket ticket);
  void look_at_unwatched();
  /// Tells the sign, or finds it out by the number of unread bytes.
  void tell_sign(Ticket ticket, Glance glance);
  /// pending_closes() counts the job. A close needs no waiting, and lingering closes are counted as such.
  [[nodiscard]] static bool counts(What what);
  void submit(What what, Ticket ticket);
  [[nodiscard]] SocketJob job_for(What what, Ticket ticket);
  void submit(SocketJob job);
  /// Ends the ticket and its socket by a job.
  void release(Ticket ticket, What what);
  void prepared(const SocketJob& job);
  /// Sends it, unless its client has left. `unread`: bytes wait for the worker; asked with needs_unread.
  void look_and_send(const action::Dispatch& action, Glance glance, bool unread);
  void send(const action::Dispatch& action);
  void client_left(const action::Dispatch& action);

  CoreEventSink& events_;
  Closer& closer_;
  Owner& owner_;
  std::uint64_t key_;  ///< as owner of jobs
  std::string reject_reply_;
  std::string crash_reply_;
  SocketTable sockets_;
  Lobby lobby_;
  LingeringClose lingering_close_;
  bool close_is_the_end_ = false;
  std::size_t jobs_ = 0;  ///< under way and not stuck; of those that counts() names
  Preparations preparations_;
  TimerWatcher look_timer_;
};

}  // namespace prefork
