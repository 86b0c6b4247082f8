// What a client does, as far as the kernel shows it without reading a byte from the socket.
#pragma once

#include <cstdint>

#include "proto/fd.h"
#include "supervisor/core/event.h"

namespace prefork {

/// The meaning of `events` (EPOLLIN, EPOLLRDHUP, EPOLLHUP, EPOLLERR; the same numbers as poll's) on `socket`.
/// A client that has shut down its sending direction may still want an answer to what it sent before, unless
/// it sent nothing.
[[nodiscard]] event::ClientSign sign_of(int socket, std::uint32_t events);
/// The state of the socket now.
[[nodiscard]] event::ClientSign look_at(const Fd& socket);

}  // namespace prefork
