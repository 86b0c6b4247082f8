// A test's hand in a process that knows nothing of it: stops it so that its parent does not notice, and
// copies its descriptors. So the programs of the table test over dialects need no misdeeds of their own. Both
// calls need the right to trace the process.
#pragma once

#include <sys/types.h>

#include <future>
#include <string>
#include <thread>

#include "proto/fd.h"

namespace prefork::test {

/// Whether this process may do so. Says that the test is skipped, if not.
[[nodiscard]] bool without_tracing();

/// The main thread of a process stands still, as if it were busy with something else, until the end of this
/// object, which kills the process. Its parent is told of its death, not of this.
class Frozen {
 public:
  explicit Frozen(pid_t pid);
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;
  ~Frozen();

 private:
  void trace(std::promise<bool> stands_still) const;

  pid_t pid_;
  std::thread tracer_;
};

/// A copy of the process's channel to the supervisor: its only connected unix socket.
[[nodiscard]] Fd channel_of(pid_t pid);
/// A copy of the process's socket whose other end is `client`, over TCP; invalid if it has none.
[[nodiscard]] Fd socket_to(pid_t pid, int client);
/// How many bytes this end of a unix socket has sent that were not read.
[[nodiscard]] int unread_of(const Fd& socket);

}  // namespace prefork::test
