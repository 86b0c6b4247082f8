// Blocking reads and writes on a client's socket, without SIGPIPE and EINTR.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace prefork::worker {

/// Waits for bytes and reads at most as many as fit. 0: an end of file or an error.
[[nodiscard]] std::size_t receive_some(int socket, std::span<char> into);
/// Sends all bytes. False when the client has closed the connection.
[[nodiscard]] bool send_all(int socket, std::string_view bytes);

}  // namespace prefork::worker
