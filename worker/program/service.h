// What the bundled program does with one client. A service knows nothing of the supervisor: the same code
// serves connections that were handed over and, with --listen, connections that the process accepted itself.
#pragma once

#include <chrono>
#include <functional>

namespace prefork::worker {

/// The source of a client, for a service that serves several requests of one client.
class Host {
 public:
  virtual ~Host() = default;
  /// True: this answer must tell the client that it is the last one.
  [[nodiscard]] virtual bool leaving() = 0;
  /// The same, for use when bytes after the current request have been read: then the service does not call
  /// next_request(), perhaps never.
  [[nodiscard]] virtual bool leaving_with_more() { return leaving(); }
  /// Waits up to `time` for the client's next request. False: return; the connection is parked or the time is
  /// up.
  [[nodiscard]] virtual bool next_request(std::chrono::milliseconds time) = 0;
};

/// Serves the client on a blocking stream socket. Neither closes nor keeps the socket. Returns early when the
/// client closes or breaks the protocol: a client's mistake is no exception.
using Service = std::function<void(int socket, Host& host)>;

}  // namespace prefork::worker
