// The worker library for programs that serve one connection at a time and may block:
//
//   int main() {
//     return prefork::worker::serve([](prefork::worker::Connection& connection) {
//       answer(connection.socket());
//     });
//   }
//
// Programs with an event loop of their own and several connections at a time use worker/slots.h.
#pragma once

#include <functional>

#include "worker/connection.h"

namespace prefork::worker {

/// Serves one connection. When it returns, the connection is finished as Connection::finish() says. An
/// exception is logged to stderr and costs that connection only.
using Handler = std::function<void(Connection&)>;

/// Serves connections until the supervisor drains this worker or is gone, or SIGTERM comes; always finishes
/// the connection in hand first. Returns what main() should return: 0, 2 when there is no channel, 1 when
/// something is wrong that a new worker may not have (out of descriptors). Reasons go to stderr.
///
/// SIGPIPE is ignored. SIGTERM is handled for the time of the call, unless the program has a handler of its
/// own. Under `start: fork` the call also runs the template; see attach().
[[nodiscard]] int serve(const Handler& handler);

}  // namespace prefork::worker
