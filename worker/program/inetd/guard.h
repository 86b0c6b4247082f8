// Ends the programs of an inetd worker when the worker ends in any way, such as by SIGKILL.
//
// The kernel kills the processes that the worker has forked (see prestarted.h), but not what these have
// started, and not a program that has changed its user. The guard is a process beside the worker that waits
// for the worker's end, and kills the process group of each program that is still there.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <span>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork::worker {

class Guard {
 public:
  /// For up to `capacity` programs at a time.
  [[nodiscard]] static Result<Guard> start(std::size_t capacity);
  Guard(Guard&& other) noexcept;
  Guard& operator=(Guard&&) = delete;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Starts another guard process, after this one was killed. The groups are kept.
  [[nodiscard]] Result<void> restart();

  void add(pid_t group);
  /// Call it before the leader of the group is reaped: later the number may belong to another process.
  void remove(pid_t group);

 private:
  using Groups = std::span<std::atomic<pid_t>>;
  explicit Guard(Groups groups) : groups_(groups) {}

  Groups groups_;  ///< shared with the process; 0: free
  Fd alive_;       ///< its end tells the process that the worker has ended
  pid_t pid_ = -1;
};

}  // namespace prefork::worker
