// `--listen`: the process accepts connections itself, with N children and without a supervisor. It is the
// baseline for measuring the cost of passing connections. It does not replace a supervisor: when a child
// dies, it ends.
#pragma once

#include <string>

#include "worker/program/service.h"

namespace prefork::worker {

struct ListenOptions {
  std::string address;      ///< HOST:PORT, [IPv6]:PORT or :PORT; port 0 lets the kernel choose
  unsigned workers = 1;     ///< children, each blocking in accept()
  bool reuse_port = false;  ///< each child has a listener of its own (SO_REUSEPORT) instead of one for all
};

/// Prints `listening on HOST:PORT` once clients can connect and serves until SIGTERM or SIGINT, which it
/// passes on to the children. Returns the exit code for main(): 0; 1 when it cannot listen or a child dies; 2
/// when the address is malformed.
[[nodiscard]] int listen_and_serve(const ListenOptions& options, const Service& service);

}  // namespace prefork::worker
