// What a client does, as far as the kernel shows it without reading a byte from the socket.
#pragma once

#include <cstdint>

#include "proto/fd.h"
#include "supervisor/core/event.h"

namespace prefork {

/// What a client was seen to do, at a glance that never waits.
struct Glance {
  event::ClientSign sign = event::ClientSign::kSilent;
  /// The client has shut down its sending direction. It may still want an answer to what it sent before, and
  /// only the number of unread bytes tells. Asking for that waits for the lock of the socket, which a worker
  /// with a copy can hold.
  bool needs_unread = false;

  [[nodiscard]] event::ClientSign with_unread(bool holds_unread) const {
    return needs_unread && holds_unread ? event::ClientSign::kAsks : sign;
  }
};

/// The meaning of `events` (EPOLLIN, EPOLLRDHUP, EPOLLHUP, EPOLLERR; the same numbers as poll's).
[[nodiscard]] Glance glance_of(std::uint32_t events);
/// glance_of() the socket now. Never waits.
[[nodiscard]] Glance glance_at(const Fd& socket);
/// The state of a socket that only the supervisor has.
[[nodiscard]] event::ClientSign look_at(const Fd& socket);

}  // namespace prefork
