// The program's listening sockets that are the channel in truth. The program's descriptor is a copy of the
// channel; the socket that it made stays aside, for its options.
#pragma once

#include <atomic>
#include <cstdint>

#include "worker/accept/address.h"
#include "worker/accept/inherited_options.h"
#include "worker/accept/watches.h"

namespace prefork::accept {

inline constexpr std::uint32_t kMaxListeners = 32;

struct Listener {
  std::atomic<int> descriptors;  ///< in this process; 0: the row is free
  std::atomic<bool> listening;
  std::atomic<bool> awaited;  ///< in an epoll before listen()
  std::atomic<bool> shut;     ///< by shutdown()
  int domain = 0;
  int aside = 0;
  int wake = -1;  ///< eventfd: becomes readable when a process shuts it down
  std::uint64_t covers =
      0;         ///< pool addresses (bit: place in Settings::address) that its connections came to
  Address name;  ///< as the program bound it
  InheritedOptions options;
  Watches<64> watches;
};

extern constinit Listener listeners[kMaxListeners];

/// The listener that a descriptor is; null when it is none.
[[nodiscard]] Listener* listener_of(int fd);
/// Whether this process has several, so that accept() must look whose a connection is.
[[nodiscard]] bool several_listeners();
/// Whether a connection that came to the pool's listener `index` is for `listener`, or for no other one
/// either.
[[nodiscard]] bool takes(const Listener& listener, std::uint32_t index);

/// Makes `fd` a listener if `name` is an address of the pool and `fd` is a stream socket. False: it is not
/// ours.
[[nodiscard]] bool become_listener(int fd, const Address& name);
/// For LISTEN_FDS: makes the number `fd` a listener at the pool's address.
void make_listener(int fd, const Address& name);
/// Marks it as listening.
void start_listening(Listener& listener);
/// The program shuts it down: threads that wait in accept() return.
void shut(Listener& listener);
/// A descriptor of it was closed in this process.
void drop_listener(std::uint32_t index);

/// A socket that is none of ours listens: the supervisor is told, for the case that the program never becomes
/// ready.
void note_other_listener(int fd);

}  // namespace prefork::accept
