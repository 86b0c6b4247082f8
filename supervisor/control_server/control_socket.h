// The control socket: who may connect, how many, and the events that its clients get. What they ask for is
// answered by the methods of supervisor/control; each has a ControlConnection.
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

  /// Listens here from now on, or nowhere. Clients that are connected stay. Not to be called while accepting.
  void listen(std::optional<ListenSocket> socket);
  /// Where it listens; empty: nowhere.
  [[nodiscard]] std::string path() const;

  // For an upgrade in place. Its clients are not carried over; they come back.
  [[nodiscard]] ControlState state() const;
  void adopt(const ControlState& state, const std::string& path);

  /// Remembers what happens and tells it to those who have subscribed. Nothing while nobody could ever know.
  void publish(ControlEvent event) override;

 private:
  static constexpr Duration kComplaintInterval = std::chrono::seconds(10);

  // Listener::Owner
  void accepted(Fd socket, ClientAddress client, ListenerIndex listener) override;

  void refuse(const Fd& socket, ControlError code, const std::string& why);
  void on_before_sleep();

  const Loop& loop_;
  Log& log_;
  Operations& operations_;
  EventHistory history_;
  std::vector<std::unique_ptr<ControlConnection>> clients_;
  ClientDescriptors any_;  ///< who connects here is read, and has any number
  std::optional<Listener> listener_;
  std::optional<Instant> last_complaint_;
  BeforeSleepWatcher before_sleep_;
};

}  // namespace prefork
