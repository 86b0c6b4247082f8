// Stops new connections on a listening socket, before its backlog is drained and it is closed. Without this a
// client that connects between the last accept and the close would be reset.
#pragma once

#include "proto/result.h"

namespace prefork {

/// Stops new connections; connections in the backlog can still be accepted. Irrevocable, and in force for all
/// processes that share the socket. A unix client is refused. A TCP client tries again after a second; then
/// the port is closed, or another process listens there.
Result<void> quiesce(int listening);

}  // namespace prefork
