// What can be seen of a client without reading a byte from it.
#pragma once

#include <cstdint>

#include "proto/fd.h"
#include "supervisor/core/event.h"

namespace prefork {

/// What `events` (EPOLLIN, EPOLLRDHUP, EPOLLHUP, EPOLLERR; poll's have the same numbers) say of `socket`. A
/// client that has ended its direction may still want an answer to what it sent before, unless it sent
/// nothing.
[[nodiscard]] event::ClientSign sign_of(int socket, std::uint32_t events);
/// As the socket is now.
[[nodiscard]] event::ClientSign look_at(const Fd& socket);

}  // namespace prefork
