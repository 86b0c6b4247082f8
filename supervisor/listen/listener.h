// Accepts connections from one listening socket while it is told to, a bounded number per wake-up. When the
// machine or the process is short of what a new socket takes, it pauses for a moment: the clients wait in the
// kernel's backlog, one perhaps here, and nobody spins.
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
  static constexpr int kAcceptsAtEnd = 65536;
  static constexpr Duration kPause = std::chrono::milliseconds(100);
  /// Without a descriptor, when others are asked to make room.
  static constexpr Duration kShortPause = std::chrono::milliseconds(5);
  /// How long the last byte of a TCP handshake that has begun may take.
  static constexpr Duration kHandshake = std::chrono::milliseconds(100);

  /// Who takes the accepted sockets.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The listener may be told to stop accepting meanwhile, but not be destroyed.
    virtual void accepted(Fd socket, ClientAddress client, ListenerIndex listener) = 0;
    /// There is no descriptor for the next one; it waits in the backlog.
    virtual void short_of_descriptors() {}
  };

  Listener(const Loop& loop, Log& log, const ClientDescriptors& clients, Owner& owner, ListenSocket socket,
           ListenerIndex index);

  void set_accepting(bool accepting);
  /// Lets nobody new connect and accepts who has, and then nothing more: the socket is going to be closed.
  /// What waits at a socket that was given away is left to its next owner.
  void accept_backlog();
  /// The same, and goes on accepting those whose handshake is under way, until it has retired(). With full
  /// queues, too: to them it seems that they have connected.
  void retire();
  [[nodiscard]] bool retired() const { return !retiring_; }
  /// Now, with who has connected until now.
  void end_retirement();
  /// Hands over the client who waits here for a descriptor, if there is one, with the one that he has: this
  /// listener is going to be closed.
  void let_go();
  /// The socket of that client. For an upgrade in place.
  [[nodiscard]] const Fd& unmoved() const { return unmoved_; }
  void adopt_unmoved(Fd socket) { unmoved_ = std::move(socket); }
  /// Goes on counting where the listener it replaces stopped.
  void count_from(std::uint64_t accepted) { accepted_ = accepted; }
  [[nodiscard]] ListenSocket& socket() { return socket_; }
  [[nodiscard]] const ListenSocket& socket() const { return socket_; }
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
  /// The one that waits here, or the next of the backlog. Without a socket: errno says why.
  [[nodiscard]] Client next_client();
  /// False: there is nothing more to accept now.
  bool accept_one();
  void hand_over(Client client);
  void pause(int error);

  Log& log_;
  const ClientDescriptors& clients_;
  Owner& owner_;
  ListenSocket socket_;
  Fd unmoved_;  ///< accepted, when there was no descriptor left of those for clients
  ListenerIndex index_;
  std::uint64_t accepted_ = 0;
  bool accepting_ = false;
  bool retiring_ = false;
  bool paused_ = false;  ///< the last attempt failed for want of something
  Instant last_complaint_;
  ReadWatcher watcher_;
  TimerWatcher timer_;
  TimerWatcher retirement_;
};

}  // namespace prefork
