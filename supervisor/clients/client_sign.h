// What a client does, as far as the kernel shows it without reading a byte from the socket.
#pragma once

#include <cstdint>
#include <optional>

#include "proto/fd.h"
#include "supervisor/core/event.h"

namespace prefork {

/// The meaning of `events` (EPOLLIN, EPOLLRDHUP, EPOLLHUP, EPOLLERR; the same numbers as poll's). Nothing:
/// the client has shut down its sending direction, and sign_of_unread() tells the rest.
[[nodiscard]] std::optional<event::ClientSign> sign_of(std::uint32_t events);
/// Such a client may still want an answer to what it sent before, unless it sent nothing. Asking for the
/// number of unread bytes waits for the lock of the socket, which a worker with a copy can hold.
[[nodiscard]] event::ClientSign sign_of_unread(bool holds_unread);
/// sign_of() the socket now. Never waits.
[[nodiscard]] std::optional<event::ClientSign> glance_at(const Fd& socket);
/// The state of a socket that only the supervisor has.
[[nodiscard]] event::ClientSign look_at(const Fd& socket);

}  // namespace prefork
