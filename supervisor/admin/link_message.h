// recvmsg() with several descriptors attached: what the link's listen line comes with.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <vector>

#include "proto/fd.h"

namespace prefork {

struct LinkMessage {
  ssize_t size = 0;  ///< as recvmsg(2) returned it; errno is its
  std::vector<Fd> descriptors;
};

/// Does not wait. All descriptors that came are owned, close-on-exec; `room`: at most this many, up to 253.
[[nodiscard]] LinkMessage receive_link_message(int socket, std::span<char> into, std::size_t room);

}  // namespace prefork
