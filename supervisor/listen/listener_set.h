// The listeners of one pool: those that its configuration names, and those that it named before, which take
// in whoever has connected before they are gone.
#pragma once

#include <memory>
#include <vector>

#include "config/listen_address.h"
#include "supervisor/listen/listen_socket.h"
#include "supervisor/listen/listener.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/state/listener_state.h"
#include "supervisor/system/client_descriptors.h"

namespace prefork {

class ListenerSet {
 public:
  using Listeners = std::vector<std::unique_ptr<Listener>>;

  ListenerSet(const Loop& loop, Log& log, const ClientDescriptors& clients, Listener::Owner& owner)
      : loop_(loop), log_(log), clients_(clients), owner_(owner) {}

  /// `sockets` in the order of the configuration. The listeners before retire; one that takes another's place
  /// goes on counting.
  void replace(std::vector<ListenSocket> sockets);
  void set_accepting(bool accepting);
  /// Lets nobody new connect, and accepts who has: with those that retire, too.
  void accept_backlog();
  /// Some accept those whose handshake is under way.
  [[nodiscard]] bool retiring() const;
  /// All of them, for good.
  void close();
  /// Destroys those that have retired. This and vacate() not inside a callback of a listener.
  void forget_retired();
  /// Closes what is about to be closed there, at once: the address is wanted.
  void vacate(const ListenAddress& address);

  /// Those that the configuration names.
  [[nodiscard]] const Listeners& present() const { return present_; }
  /// The socket of the one at the same place as `address`; null when there is none.
  [[nodiscard]] ListenSocket* socket_at(const ListenAddress& address);

  // For an upgrade in place. Those that retire are not carried over: it waits until there are none.
  [[nodiscard]] std::vector<ListenerState> state() const;
  void adopt(const std::vector<ListenAddress>& addresses, const std::vector<ListenerState>& states);

 private:
  [[nodiscard]] Listener* find(const ListenAddress& address);
  /// One more of `listeners`.
  Listener& add_to(Listeners& listeners, ListenSocket socket);

  const Loop& loop_;
  Log& log_;
  const ClientDescriptors& clients_;
  Listener::Owner& owner_;
  bool accepting_ = false;
  Listeners present_;
  Listeners old_;  ///< have not retired yet, or may still be in a callback of theirs
};

}  // namespace prefork
