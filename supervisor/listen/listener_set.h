// The listeners of one pool: the configured ones, and those that the configuration does not name any more,
// which drain before they are closed.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "config/listen_address.h"
#include "supervisor/listen/bound_address.h"
#include "supervisor/listen/listen_socket.h"
#include "supervisor/listen/listener.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/state/listener_state.h"
#include "supervisor/system/client_descriptors.h"

namespace prefork {

/// The listener that a carried socket belongs to. `position`: its place in the list of the pool's sockets.
[[nodiscard]] std::size_t entry_of(const ListenerState& state, std::size_t position);
/// The socket of a pool with these listeners; nothing when the pool has no such listener.
[[nodiscard]] std::optional<ListenSocket> adopt_socket(const std::vector<ListenAddress>& addresses,
                                                       const ListenerState& state, std::size_t position);

/// A listener as a worker knows it.
struct ListenTarget {
  ListenerIndex index = 0;
  BoundAddress address;
};

class ListenerSet {
 public:
  using Listeners = std::vector<std::unique_ptr<Listener>>;
  /// The index of a listener.
  enum class Numbering {
    kByConfiguration,  ///< its place in the configuration
    kStable,           ///< its own; a socket keeps it, whatever is before it: workers have been told
  };

  ListenerSet(const Loop& loop, Log& log, const ClientDescriptors& clients, Listener::Owner& owner)
      : loop_(loop), log_(log), clients_(clients), owner_(owner) {}

  /// `sockets` in the order of the configuration. The listeners until now drain. A new listener at the
  /// address of an old one continues its count.
  void replace(std::vector<ListenSocket> sockets, Numbering numbering = Numbering::kByConfiguration);
  /// What the listeners are after replace() with these.
  [[nodiscard]] std::vector<ListenTarget> targets_after(const std::vector<ListenSocket>& sockets,
                                                        Numbering numbering) const;
  [[nodiscard]] std::vector<ListenTarget> targets() const;
  void set_accepting(bool accepting);
  /// Stops new connections and drains the backlogs, also those of listeners that drain already.
  bool drain_backlogs();
  /// Some listeners accept connections whose handshake is in flight.
  [[nodiscard]] bool draining() const;
  /// Closes all listeners for good.
  void close();
  /// Destroys the listeners that are drained. Neither this nor end_drain_at() inside a callback of a
  /// listener.
  void destroy_drained();
  /// Closes the draining listeners at this address at once: a new listener needs the address.
  void end_drain_at(const ListenAddress& address);

  [[nodiscard]] const Listeners& configured() const { return configured_; }

  // For an upgrade in place. Draining listeners are not carried over: the upgrade waits until they are
  // drained.
  [[nodiscard]] std::vector<ListenerState> state() const;
  void adopt(const std::vector<ListenAddress>& addresses, const std::vector<ListenerState>& states);

 private:
  /// Adds a listener at the end of `listeners`.
  Listener& add_to(Listeners& listeners, ListenSocket socket, ListenerIndex index);
  /// The listener that each of the sockets continues; null: none.
  [[nodiscard]] std::vector<const Listener*> continued_by(const std::vector<ListenSocket>& sockets) const;
  [[nodiscard]] std::vector<ListenerIndex> indices_of(const std::vector<ListenSocket>& sockets,
                                                      Numbering numbering) const;

  const Loop& loop_;
  Log& log_;
  const ClientDescriptors& clients_;
  Listener::Owner& owner_;
  bool accepting_ = false;
  Listeners configured_;
  Listeners draining_;  ///< drain, or are drained and may be in one of their callbacks
};

}  // namespace prefork
