// A spawner for a test, and the processes that it starts, which end with the test.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "supervisor/spawner/launch.h"
#include "supervisor/spawner/spawner.h"

namespace prefork::test {

/// A process that the spawner has started, as /proc shows it.
class Spawned {
 public:
  Spawned(pid_t pid, Fd pidfd, Fd channel);
  Spawned(Spawned&& other) noexcept;
  Spawned& operator=(Spawned&&) = delete;
  Spawned(const Spawned&) = delete;
  Spawned& operator=(const Spawned&) = delete;
  ~Spawned();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Waits for its end; the signal that killed it, or 0.
  [[nodiscard]] int await_signal();
  /// Our end of its channel.
  [[nodiscard]] int channel() const { return channel_.get(); }
  [[nodiscard]] std::vector<int> descriptors() const;
  [[nodiscard]] std::string text(const std::string& file) const;  ///< a file of /proc/<pid>
  [[nodiscard]] std::string link(const std::string& file) const;
  /// A field of /proc/<pid>/status.
  [[nodiscard]] std::string status(const std::string& field) const;
  [[nodiscard]] std::vector<std::string> environment() const;

 private:
  pid_t pid_;
  Fd pidfd_;
  Fd channel_;
};

/// A spawner. At its end it closes the socket and waits for the spawner to leave.
class Spawning {
 public:
  Spawning();
  explicit Spawning(const rlimit& descriptors);
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;
  ~Spawning();

  /// There is a process; its program may not run yet.
  [[nodiscard]] Spawned launch(const Launch& wanted);
  /// Waits until the program, which must be one that waits for something, does so.
  [[nodiscard]] Spawned start(const Launch& wanted);
  /// The failure that is reported for `launch`, whose process has ended and been reaped; nothing if it runs.
  [[nodiscard]] std::optional<LaunchReply> fail(const Launch& launch);
  /// The answer to any request.
  [[nodiscard]] std::optional<LaunchReply> ask(const std::vector<std::byte>& request);
  void renounce_root();
  /// Goes on with a standby of the spawner, which is killed.
  void fall_back();
  [[nodiscard]] pid_t pid() const { return process_.pid; }

 private:
  std::optional<LaunchReply> receive(Fd& pidfd);
  void send(const std::vector<std::byte>& request, const Fd& channel, const Fd& output = Fd());

  SpawnerProcess process_;
};

/// Whether this process has a child other than `known`, zombie or not.
[[nodiscard]] bool has_child_besides(pid_t known);

}  // namespace prefork::test
