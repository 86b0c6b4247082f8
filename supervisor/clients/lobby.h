// Watches client sockets that have nothing to say for what they say next: the first byte, the next request,
// or that they leave. An epoll of its own, nested in the loop as one descriptor, because client sockets do
// not go into libev, which does not forget them before they are closed. A socket that waits costs nothing
// until it stirs, however many there are: no timer, no list, no sweep.
#pragma once

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/core/event.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class Lobby {
 public:
  /// How many are told of in one turn of the loop.
  static constexpr int kSeenPerWakeUp = 128;

  class Owner {
   public:
    virtual ~Owner() = default;
    /// Once for each watch(). May watch and forget others meanwhile.
    virtual void seen(Ticket ticket, event::ClientSign sign) = 0;
    /// The socket of a connection that is watched.
    [[nodiscard]] virtual int watched_socket(Ticket ticket) = 0;
  };

  Lobby(const Loop& loop, Owner& owner);

  /// `again`: the socket has been watched before, and neither forgotten nor closed since. Fails when the
  /// kernel is short of memory, or the user has more watches than fs.epoll.max_user_watches.
  [[nodiscard]] Result<void> watch(Ticket ticket, const Fd& socket, bool again);
  /// Before a socket that is watched is closed: a worker may hold a copy, which would keep the watch alive.
  void forget(const Fd& socket);

 private:
  void on_readable();

  Owner& owner_;
  Fd epoll_;
  ReadWatcher watcher_;
};

}  // namespace prefork
