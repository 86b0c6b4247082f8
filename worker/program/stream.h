// Blocking reads and writes on a client's socket, without SIGPIPE and EINTR.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace prefork::worker {

/// Waits for bytes, at most as many as fit. 0: the client has ended, or is gone.
[[nodiscard]] std::size_t receive_some(int socket, std::span<char> into);
/// False when the client is gone.
[[nodiscard]] bool send_all(int socket, std::string_view bytes);

}  // namespace prefork::worker
