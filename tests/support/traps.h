// What a worker or a client can leave behind so that a close() waits.
#pragma once

#include "proto/fd.h"

namespace prefork::test {

/// A connected socket whose last close() waits for twenty seconds: it has SO_LINGER and unsent bytes.
struct SlowToClose {
  SlowToClose();
  Fd socket;
  Fd peer;  ///< does not read
};

/// Sends a byte with a copy of `attached`. False: the receiver refuses descriptors.
[[nodiscard]] bool send_with_descriptor(const Fd& socket, const Fd& attached);

}  // namespace prefork::test
