// `supervisor-worker http`: a page that says hello, for trying out and measuring pools. HTTP/1.0 and 1.1.
#pragma once

#include <chrono>

#include "worker/program/service.h"

namespace prefork::worker {

struct HttpOptions {
  /// How long a client may be silent between two requests; 0 closes after the first.
  std::chrono::milliseconds keep_alive{5'000};
  /// From the first byte of a request (and from the start for the first one) to its last.
  std::chrono::milliseconds request_time{10'000};
};

/// Answers GET and HEAD of `/`; `/?ms=N` waits N milliseconds first, at most 60000. Every answer names the
/// worker in X-Pid. A connection that is kept alive occupies the worker, unless the pool parks. When a client
/// pipelines without end, the connection closes as soon as other connections wait or the worker has to leave;
/// its later requests get no answer. Headers are limited to 8 KiB, bodies to 64 KiB (they are read and
/// ignored). Invalid requests get 400, 404, 405, 413, 417 or 431; after bytes that are not HTTP the
/// connection closes.
void http(int socket, const HttpOptions& options, Host& host);

}  // namespace prefork::worker
