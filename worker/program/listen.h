// `--listen`: the process accepts for itself, with N children, and no supervisor. The same services without
// the hand-over; what passing connections costs is measured against it. Replaces no supervisor: a child that
// dies ends it.
#pragma once

#include <string>

#include "worker/program/service.h"

namespace prefork::worker {

struct ListenOptions {
  std::string address;      ///< HOST:PORT, [IPv6]:PORT or :PORT; port 0 lets the kernel choose
  unsigned workers = 1;     ///< children, each blocking in accept()
  bool reuse_port = false;  ///< each child has a listener of its own (SO_REUSEPORT) instead of one for all
};

/// Prints `listening on HOST:PORT` once clients can connect, serves until SIGTERM or SIGINT, which it passes
/// on, and returns what main() should return: 0; 1 when it cannot listen or a child dies; 2 when the address
/// is none.
[[nodiscard]] int listen_and_serve(const ListenOptions& options, const Service& service);

}  // namespace prefork::worker
