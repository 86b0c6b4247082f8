// What the supervisor does to a client's socket without ever reading from it.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/fd.h"
#include "supervisor/core/ids.h"

namespace prefork {

/// Switches SO_LINGER off. A worker that set it would make our own close() wait, were it the last one.
void disarm_linger(const Fd& socket);
/// Undoes what a worker may have set on the description that all holders share: O_NONBLOCK, O_ASYNC,
/// SO_LINGER, timeouts, SO_RCVLOWAT, TCP_CORK. For a connection that goes to another worker.
void restore_defaults(const Fd& socket);
/// How far a connection has got, by the kernel's counters, while nobody reads from it.
struct Progress {
  std::uint64_t consumed = 0;  ///< bytes that somebody has read
  std::uint64_t sent = 0;      ///< bytes that were written to it, whether the client has them or not
};
/// What arrives meanwhile cannot make it look further than it was.
[[nodiscard]] Progress progress_of(const Fd& socket);
/// What has passed through a connection since `before`. Only TCP has such counters: of any other socket, and
/// of one that is reset, both are true.
struct Traffic {
  bool consumed = true;  ///< somebody has read a byte from it
  bool sent = true;      ///< a byte was written to it
  [[nodiscard]] bool untouched() const { return !consumed && !sent; }
};
[[nodiscard]] Traffic traffic_of(const Fd& socket, const Progress& before = {});
/// "192.0.2.7:50000", "[2001:db8::1]:50000", "a unix socket" or "unknown".
[[nodiscard]] std::string peer_name(const Fd& socket);
/// Where connections of one address are counted; kNoAddress for a unix socket.
[[nodiscard]] ClientAddress client_address(const sockaddr_storage& address);
[[nodiscard]] ClientAddress client_address(const Fd& socket);
/// Sends as much of `bytes` as fits without waiting, and ends our direction.
void send_last_words(const Fd& socket, std::string_view bytes);

}  // namespace prefork
