// The sockets of one pool's connections, from accept to close. Carries out the core's actions on connections
// and reports what is seen of their clients. Does not send connections to workers: PoolRunner does, between
// prepare() and the worker's channel. Reads nothing from a client.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proto/fd.h"
#include "supervisor/clients/lingering_close.h"
#include "supervisor/clients/lobby.h"
#include "supervisor/clients/socket_table.h"
#include "supervisor/core/action.h"
#include "supervisor/loop/core_event_sink.h"
#include "supervisor/loop/loop.h"
#include "supervisor/state/pool_state.h"

namespace prefork {

class ClientSockets final : private Lobby::Owner {
 public:
  ClientSockets(const Loop& loop, CoreEventSink& events);

  /// The final replies to connections that the pool does not serve; empty: none.
  void set_replies(std::string_view reject_with, std::string_view crash_reply);
  /// Without a ticket: the table is full, and the socket is closed.
  [[nodiscard]] Ticket add(Fd socket) { return sockets_.add(std::move(socket)); }
  /// The socket, which is not valid once our copy is closed. The ticket has not ended.
  [[nodiscard]] const Fd& at(Ticket ticket) const { return sockets_.at(ticket); }

  // The core's actions.
  void perform(const action::Watch& action) { watch(action.ticket); }
  void perform(const action::Look& action);
  void perform(const action::CloseCopy& action);
  void perform(const action::Inspect& action);
  void perform(const action::Dismiss& action);
  void perform(const action::End& action);
  /// Makes the socket ready to be sent to a worker. False: the client has left, which is told as
  /// event::DispatchFailed.
  [[nodiscard]] bool prepare(const action::Dispatch& action);

  /// Connections that have ended for the core, and whose lingering close is pending.
  [[nodiscard]] std::size_t pending_closes() const { return lingering_close_.pending(); }

  // For an upgrade in place.
  void write_state(PoolState& state) const;
  /// Into a new object. Returns what is wrong with the state, or an empty string.
  [[nodiscard]] std::string adopt(const PoolState& state);
  /// After adopt(), once the core is restored: watches the sockets that were watched before.
  void resume();

 private:
  // Lobby::Owner
  void seen(Ticket ticket, event::ClientSign sign) override;
  [[nodiscard]] int watched_socket(Ticket ticket) override;

  void watch(Ticket ticket);

  CoreEventSink& events_;
  std::string reject_reply_;
  std::string crash_reply_;
  SocketTable sockets_;
  Lobby lobby_;
  LingeringClose lingering_close_;
  std::vector<Ticket> unwatched_;  ///< after adopt(): to be watched again
};

}  // namespace prefork
