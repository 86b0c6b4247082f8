// What the supervisor does with a client's socket: it looks at it, sets options, sends a last answer. It
// never reads from it.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/fd.h"
#include "supervisor/core/ids.h"

namespace prefork {

/// The socket holds bytes that were not read.
[[nodiscard]] bool holds_unread(const Fd& socket);
/// An accepted unix socket: its client may have attached descriptors to what it sent. Closing the socket
/// unread closes them, and waits if the last close of one of them waits. False where SO_PASSRIGHTS was off
/// when the client connected (see ListenSocket).
[[nodiscard]] bool may_hold_descriptors(const Fd& socket);
/// Switches SO_LINGER off. A worker may have set it, and our close() would wait if it is the last.
void disarm_linger(const Fd& socket);
/// Resets what a worker may have set on the open file description, which all holders share: O_NONBLOCK,
/// O_ASYNC, SO_LINGER, timeouts, SO_RCVLOWAT, TCP_CORK. For a connection that goes to another worker.
void restore_defaults(const Fd& socket);
/// How far a connection has got, by the kernel's counters, while no worker reads from it.
struct Progress {
  std::uint64_t consumed = 0;  ///< bytes that were read from it
  std::uint64_t sent = 0;      ///< bytes that were written to it, received by the client or not
};
/// Bytes that arrive during the call do not change it.
[[nodiscard]] Progress progress_of(const Fd& socket);
/// Whether bytes have passed through a connection since `before`. Only TCP has such counters: for any other
/// socket, and for a connection that is reset, both are true.
struct Traffic {
  bool consumed = true;  ///< a byte was read from it
  bool sent = true;      ///< a byte was written to it
  [[nodiscard]] bool untouched() const { return !consumed && !sent; }
};
[[nodiscard]] Traffic traffic_of(const Fd& socket, const Progress& before = {});
/// "192.0.2.7:50000", "[2001:db8::1]:50000", "a unix socket" or "unknown".
[[nodiscard]] std::string peer_name(const Fd& socket);
/// The key under which the connections of one address are counted; kNoAddress for a unix socket.
[[nodiscard]] ClientAddress client_address(const sockaddr_storage& address);
[[nodiscard]] ClientAddress client_address(const Fd& socket);
/// Sends as many of `bytes` as fit without waiting, and shuts down our direction.
void send_last_answer(const Fd& socket, std::string_view bytes);

}  // namespace prefork
