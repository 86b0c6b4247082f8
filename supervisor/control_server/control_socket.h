// The control socket: accepts clients of root and of the supervisor's own user, at most kMaxClients, and
// publishes events to them. Each client has a ControlConnection; supervisor/control answers its requests.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/control/event_history.h"
#include "supervisor/control/operations.h"
#include "supervisor/control_server/control_connection.h"
#include "supervisor/listen/listener.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/state/listener_state.h"

namespace prefork {

class ControlSocket final : public EventSink, private Listener::Owner {
 public:
  static constexpr std::size_t kMaxClients = 64;

  ControlSocket(const Loop& loop, Log& log, Operations& operations);

  /// Listens at `socket` from now on, or nowhere. Connected clients stay, and those that wait in the backlog
  /// are accepted. Not inside accepted().
  void listen(std::optional<ListenSocket> socket);
  /// The path where it listens; empty: nowhere.
  [[nodiscard]] std::string path() const;
  // Of the file at that path, as in ListenSocket.
  [[nodiscard]] bool file_is_removed() const { return listener_ && listener_->socket().file_is_removed(); }
  [[nodiscard]] bool file_is_gone() const { return listener_ && listener_->socket().file_is_gone(); }
  /// Its directory does not allow this user to remove it at the end.
  [[nodiscard]] bool file_stays() const;

  // For an upgrade in place. Clients are not carried over: they connect again.
  [[nodiscard]] ControlState state() const;
  /// `path`: empty when the program before did not know the path, or had no socket. A socket is closed then.
  void adopt(const ControlState& state, const std::string& path);

  /// A client on a socket that did not connect here; it counts among no others. To be told of events, it must
  /// be set as the link, and null be set before it is destroyed.
  [[nodiscard]] std::unique_ptr<ControlConnection> make_link(Fd socket, const Rights& rights);
  void set_link(ControlConnection* link) { link_ = link; }

  /// Adds the event to the history and sends it to the clients that have subscribed. Does nothing without a
  /// control socket, clients and link.
  void publish(ControlEvent event) override;
  /// Publishes the verdict, and answers the requests that await this round or an earlier one.
  void reload_ended(std::uint64_t round, const ReloadVerdict& verdict);

 private:
  static constexpr Duration kWarningInterval = std::chrono::seconds(10);

  // Listener::Owner
  void accepted(Fd socket, ClientAddress client, ListenerIndex listener, bool proxied) override;

  void refuse(const Fd& socket, ControlError code, const std::string& why);
  void on_before_sleep();
  [[nodiscard]] ControlConnection::Services services() {
    return {loop_, log_, turns_, operations_, history_};
  }

  const Loop& loop_;
  Log& log_;
  Operations& operations_;
  SharedTurns turns_;  ///< a client's answer costs more the more workers there are
  EventHistory history_;
  Rights all_rights_;
  std::vector<std::unique_ptr<ControlConnection>> clients_;
  ControlConnection* link_ = nullptr;  ///< of the admin process
  ClientDescriptors any_;  ///< no lowest number: the supervisor reads the sockets of control clients
  std::optional<Listener> listener_;
  std::optional<Instant> last_warning_;
  BeforeSleepWatcher before_sleep_;
};

}  // namespace prefork
