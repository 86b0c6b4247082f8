// A process that waits for a connection and then becomes the program: only dup2 and exec remain to be done.
//
// It leads a process group of its own. It has default signal handling, no blocked signals, and no descriptor
// but 0 to 2 and the socket over which the connection comes. The kernel kills it (SIGKILL) when the worker
// ends.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/channel.h"
#include "proto/fd.h"
#include "proto/result.h"

namespace prefork::worker {

/// What becomes of the program's standard error.
enum class ProgramErrors { kLog, kConnection, kNull };

struct ProgramStart {
  std::string path;
  std::vector<std::string> arguments;  ///< with its name as the first
  ProgramErrors errors = ProgramErrors::kLog;
};

class Prestarted {
 public:
  /// Forks. The error is that of fork() or of a socket: too many processes or descriptors.
  [[nodiscard]] static Result<Prestarted> start(const ProgramStart& program);

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Gives it a copy of the connection's socket. `proxied`: a PROXY header has to be read first. False: it is
  /// dead.
  [[nodiscard]] bool give(int socket, bool proxied);
  struct End {
    bool has_received = false;                   ///< the connection: from there on it may have touched it
    std::optional<std::string> exec_error = {};  ///< in words; nothing if the program has been executed
  };
  /// How far it has come, when it has died.
  [[nodiscard]] End end();

 private:
  Prestarted(pid_t pid, Channel channel) : pid_(pid), channel_(std::move(channel)) {}

  pid_t pid_;
  Channel channel_;  ///< its end ends a process that has no connection
};

}  // namespace prefork::worker
