// sendmsg() and recvmsg() with one or two descriptors attached: the bare calls under the channel and under
// the spawner's socket.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

#include "proto/fd.h"

namespace prefork {

/// SO_PASSRIGHTS of Linux 6.16, which older headers do not name.
inline constexpr int kPassRights = 83;

/// Makes attempts of the peer, and of the peers of sockets accepted from a listener, to attach descriptors
/// fail with EPERM. False: this kernel cannot (before Linux 6.16), or `socket` is not a unix socket.
bool refuse_descriptors(int socket);

/// As sendmsg(2), with EINTR retried and without SIGPIPE; on -1 the caller reads errno. The caller keeps
/// ownership of `attached`; -1 attaches nothing.
ssize_t send_passing(int socket, std::span<const std::byte> bytes, int attached, int flags);
/// The same with two descriptors; a `second` of -1 attaches only the first.
ssize_t send_passing(int socket, std::span<const std::byte> bytes, int first, int second, int flags);

/// The same with any number of descriptors up to kMaxPassed.
ssize_t send_passing(int socket, std::span<const std::byte> bytes, std::span<const Fd> attached, int flags);
inline constexpr std::size_t kMaxPassed = 17;

struct Passed {
  ssize_t size = 0;  ///< as recvmsg(2) returned it
  Fd descriptor;     ///< close-on-exec; not valid when none came, or when this process had no room for it
  Fd second;         ///< the same
};

/// As recvmsg(2), EINTR retried. There is room for exactly two descriptors; the kernel drops more.
[[nodiscard]] Passed receive_passing(int socket, std::span<std::byte> bytes, int flags);

}  // namespace prefork
