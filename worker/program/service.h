// What the bundled program does with one client. A service knows nothing of the supervisor: the same code
// serves connections that were handed over and, with --listen, connections that the process accepted itself.
#pragma once

#include <functional>

namespace prefork::worker {

/// Whether this process is asked to leave: a service that keeps a client for several exchanges ends then.
using Leaving = std::function<bool()>;

/// Talks to the client on a blocking stream socket until it is done. Neither closes nor keeps the socket.
/// Returns early when the client leaves or breaks the rules: a client is no reason for an exception.
using Service = std::function<void(int socket, const Leaving& leaving)>;

}  // namespace prefork::worker
