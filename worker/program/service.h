// What the bundled program does with one client. A service knows nothing of the supervisor: the same code
// serves connections that were handed over and, with --listen, connections that the process accepted itself.
#pragma once

#include <chrono>
#include <functional>

namespace prefork::worker {

/// Where the client came from, as far as a service that keeps it for several requests must know.
class Host {
 public:
  virtual ~Host() = default;
  /// The client is to be told that this is its last answer.
  [[nodiscard]] virtual bool leaving() = 0;
  /// The same, asked instead when more than the request in hand has been read: the client may never come to
  /// next_request().
  [[nodiscard]] virtual bool leaving_with_more() { return leaving(); }
  /// Waits for the client's next request. False: return, somebody else looks after it or the time is up.
  [[nodiscard]] virtual bool next_request(std::chrono::milliseconds time) = 0;
};

/// Talks to the client on a blocking stream socket until it is done. Neither closes nor keeps the socket.
/// Returns early when the client leaves or breaks the rules: a client is no reason for an exception.
using Service = std::function<void(int socket, Host& host)>;

}  // namespace prefork::worker
