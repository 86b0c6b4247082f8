// Accepts connections from one listening socket while it is told to, a bounded number per wake-up. When the
// process or the machine is out of descriptors or memory, it pauses for a moment and does not spin: clients
// wait in the kernel's backlog, and at most one accepted socket waits here. ListenerSet owns it.
#pragma once

#include <cstdint>

#include "proto/fd.h"
#include "supervisor/core/ids.h"
#include "supervisor/listen/listen_socket.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/system/client_descriptors.h"

namespace prefork {

class Listener {
 public:
  static constexpr int kAcceptsPerWakeUp = 32;
  /// Bounds the accepts of one drain_backlog().
  static constexpr int kAcceptsPerDrain = 65536;
  /// Out of memory: the next attempt.
  static constexpr Duration kPause = std::chrono::milliseconds(100);
  /// Out of descriptors: the next attempt; meanwhile the pools free some.
  static constexpr Duration kShortPause = std::chrono::milliseconds(5);
  /// A listener that is going to be closed, while connections cannot be accepted: so many times
  /// kHandshake it is kept.
  static constexpr int kDrainAttempts = 20;
  /// How long the last segment of a TCP handshake in flight may take.
  static constexpr Duration kHandshake = std::chrono::milliseconds(100);

  /// Takes the accepted sockets.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// `proxied`: a PROXY header comes first. May call set_accepting(false). Must not destroy the listener.
    virtual void accepted(Fd socket, ClientAddress client, ListenerIndex listener, bool proxied) = 0;
    /// No descriptor is free for the next connection; it waits in the backlog.
    virtual void out_of_descriptors() {}
  };

  Listener(const Loop& loop, Log& log, const ClientDescriptors& clients, Owner& owner, ListenSocket socket,
           ListenerIndex index);

  void set_accepting(bool accepting);
  /// Stops new connections, drains the backlog, and accepts nothing more: the socket is going to be closed.
  /// If the socket has another owner, the backlog is left to that owner. False: out of descriptors or memory,
  /// and connections may be left.
  bool drain_backlog();
  /// The same, and goes on accepting connections whose handshake is in flight, until drained(): to their
  /// clients they are established. Full queues do not stop it.
  void drain();
  /// No drain() is under way.
  [[nodiscard]] bool drained() const { return !draining_; }
  /// Ends drain() now: accepts what is in the backlog, and nothing more. Out of descriptors or memory, it
  /// does not end yet.
  void end_drain();
  /// Hands over the accepted socket that waits for a client descriptor, if there is one, with the number it
  /// has: this listener is going to be closed.
  void hand_over_waiting();
  /// That socket. For an upgrade in place.
  [[nodiscard]] const Fd& waiting() const { return waiting_; }
  void adopt_waiting(Fd socket) { waiting_ = std::move(socket); }
  /// Continues the count of the listener that this one replaces.
  void count_from(std::uint64_t accepted) { accepted_ = accepted; }
  [[nodiscard]] ListenSocket& socket() { return socket_; }
  [[nodiscard]] const ListenSocket& socket() const { return socket_; }
  /// What the owner, and a worker, are told of a connection's origin.
  [[nodiscard]] ListenerIndex index() const { return index_; }
  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }
  /// Accepting, but out of descriptors or memory at the moment.
  [[nodiscard]] bool paused() const { return paused_; }

 private:
  void on_readable();
  void on_timer();
  struct Client {
    Fd socket;
    ClientAddress address = kNoAddress;
  };
  /// The accepted socket that waits here, or the next of the backlog. Without a socket: errno says why.
  [[nodiscard]] Client next_client();
  /// False: nothing more can be accepted now.
  bool accept_one();
  /// What accept_one() returns after this error.
  bool failed(int error);
  void go_on_draining();
  void hand_over(Client client);
  void pause(int error);

  Log& log_;
  const ClientDescriptors& clients_;
  Owner& owner_;
  ListenSocket socket_;
  Fd waiting_;  ///< accepted while no client descriptor was free
  ListenerIndex index_;
  std::uint64_t accepted_ = 0;
  bool accepting_ = false;
  bool draining_ = false;
  bool paused_ = false;  ///< the last attempt ran out of descriptors or memory
  int failures_ = 0;     ///< in a row, of other kinds
  int drain_attempts_ = 0;
  Instant last_complaint_;
  ReadWatcher watcher_;
  TimerWatcher timer_;
  TimerWatcher drain_timer_;
};

}  // namespace prefork
