// The worker library for programs that serve one connection at a time with blocking calls:
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

#include "../proto/export.h"
#include "connection.h"

namespace prefork::worker {

/// Serves one connection, which the library owns. When the handler returns, the library calls
/// Connection::finish(). An exception is logged to stderr and ends that connection only.
using Handler = std::function<void(Connection&)>;

struct ServeOptions {
  /// The worker leaves by itself after this many connections; 0: never. Another is started in its place then.
  /// With the pool's `recycle.connections` the successor is ready before.
  unsigned leave_after = 0;
  /// Called in each worker before it is ready, under `start: fork` after the fork: for what a worker must not
  /// share with others, such as connections to databases, random numbers and threads. After an exception,
  /// which is logged to stderr, the worker exits with status 1.
  std::function<void()> start = {};
};

/// Serves connections until the supervisor drains this worker or ends, or SIGTERM comes; always finishes the
/// connection in hand first. Returns the exit code for main(): 0; 2 without a channel; 1 after an error that
/// a new worker may not have (out of descriptors, a malformed record). Reasons go to stderr.
///
/// Ignores SIGPIPE. Handles SIGTERM during the call, unless the program has a handler of its own. Under
/// `start: fork` the call also runs the template: see Slots::open(). One call at a time in a process.
[[nodiscard]] PREFORK_API int serve(const Handler& handler, const ServeOptions& options = {});

}  // namespace prefork::worker
