// `supervisor-worker inetd -- PROGRAM ARGUMENTS…`: each connection is the standard input and output of a
// program of its own, as under inetd. The program knows nothing of the supervisor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "worker/program/inetd/prestarted.h"

namespace prefork::worker {

struct InetdOptions {
  std::vector<std::string> command;  ///< the program and its arguments
  ProgramErrors errors = ProgramErrors::kLog;
  std::optional<unsigned> spare;  ///< processes that wait for a connection; nothing: one for each slot
  bool log_all = false;           ///< a line for each program that ends, not only for failures
};

/// Serves until the supervisor drains this worker or ends, or SIGTERM comes; the programs that run then are
/// finished first. Returns the exit status for main(): 0; 1 when the program cannot be executed, before Ready
/// if that is known then; 2 without a channel. Reasons go to stderr.
///
/// A connection ends when its program has ended. A connection whose program cannot be executed is given back:
/// the worker leaves, and what it has not begun goes to other workers.
[[nodiscard]] int inetd(const InetdOptions& options);

}  // namespace prefork::worker
