// Watches silent client sockets: for the first byte, the next request, or the end of the connection. Has an
// epoll of its own, nested in the loop as one descriptor: client sockets do not go into libev, which keeps a
// socket in its epoll until it is closed. A silent socket costs nothing until it has an event, however many
// there are: no timer, no list, no sweep. ClientSockets owns it.
#pragma once

#include <cstdint>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class Lobby {
 public:
  /// How many sockets are reported in one turn of the loop.
  static constexpr int kSeenPerWakeUp = 128;

  class Owner {
   public:
    virtual ~Owner() = default;
    /// Called once for each watch(), with what epoll reports; the connection may have ended. May watch and
    /// forget other sockets.
    virtual void seen(Ticket ticket, std::uint32_t events) = 0;
  };

  Lobby(const Loop& loop, Owner& owner);

  /// `again`: the socket has been watched before, and neither forgotten nor closed since. Fails when the
  /// kernel is out of memory, or the user has more watches than fs.epoll.max_user_watches.
  [[nodiscard]] Result<void> watch(Ticket ticket, const Fd& socket, bool again);
  /// Call this before closing a watched socket: a copy in a worker would keep the watch alive.
  void forget(const Fd& socket);

 private:
  void open();
  void on_readable();

  Owner& owner_;
  Fd epoll_;  ///< not valid while no descriptor is free for it
  ReadWatcher watcher_;
};

}  // namespace prefork
