// The listeners of a program with the protocol accept-notify. In the place of a socket that is bound to an
// address of the pool, the program gets an epoll instance: it is readable, for poll() and for epoll in any
// mode, while a connection waits, and blocks nothing. The program's calls on it are answered by the notifier.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "proto/fd.h"
#include "worker/accept/address.h"
#include "worker/accept/environment.h"

namespace prefork::notify {

/// A connection that has been received and not handed to the program.
struct Connection {
  Fd socket;
  std::uint64_t ticket = 0;
  bool begun = false;  ///< the supervisor has the receipt
};

/// One of the pool's addresses. Each socket that the program binds to it takes connections from here.
class Listener {
 public:
  Listener(std::uint32_t index, int channel);

  [[nodiscard]] bool valid() const { return queue_.valid() && bell_.valid(); }
  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] int queue() const { return queue_.get(); }
  /// The program's O_NONBLOCK: it has the same open file.
  [[nodiscard]] bool is_blocking() const;
  void set_blocking(bool blocking) const;
  /// Readable until the next look.
  void ring();
  void keep(Connection connection);
  /// What was kept first; without socket: nothing is kept, and the bell is silent.
  [[nodiscard]] Connection take_kept();
  [[nodiscard]] std::size_t kept() const { return kept_.size(); }
  /// Nothing more comes from the channel: its end shall not keep the program awake.
  void leave_channel(int channel) const;

 private:
  std::uint32_t index_;
  Fd queue_;
  Fd bell_;
  bool rings_ = false;
  std::deque<Connection> kept_;
};

/// A descriptor of the program that stands for a listener.
struct BoundListener {
  Listener* listener = nullptr;
  accept::Address address;  ///< as the program has bound it
};

class Listeners {
 public:
  Listeners(const accept::Settings& settings, int channel) : settings_(settings), channel_(channel) {}

  /// The listener for the pool's address that the bound one covers best; null: it is none of the pool's.
  [[nodiscard]] Listener* for_address(const accept::Address& bound, bool v6_only);
  void bind(std::uint32_t descriptor, Listener& listener, const accept::Address& address);
  void forget(std::uint32_t descriptor) { bound_.erase(descriptor); }
  [[nodiscard]] const BoundListener* find(std::uint32_t descriptor) const;
  [[nodiscard]] bool none_bound() const { return bound_.empty(); }
  /// Forgets descriptors that the program has closed.
  void look_again(pid_t program);
  /// A connection of a listener that the program has not bound: null.
  [[nodiscard]] Listener* with_index(std::uint32_t index);
  void leave_channel();
  [[nodiscard]] std::size_t kept() const;

 private:
  const accept::Settings& settings_;
  int channel_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::map<std::uint32_t, BoundListener> bound_;
};

}  // namespace prefork::notify
