// A spawner for a test, and the processes that it starts. They end with the test.
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

/// A process that the spawner has started, with facts from /proc.
class Spawned {
 public:
  Spawned(pid_t pid, Fd pidfd, Fd channel);
  Spawned(Spawned&& other) noexcept;
  Spawned& operator=(Spawned&&) = delete;
  Spawned(const Spawned&) = delete;
  Spawned& operator=(const Spawned&) = delete;
  ~Spawned();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Waits for its end; returns the signal that killed it, or 0.
  [[nodiscard]] int await_signal();
  /// The test's end of its channel.
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

/// A spawner. The destructor closes its socket and waits until the spawner has ended.
class Spawning {
 public:
  Spawning();
  explicit Spawning(const rlimit& descriptors);
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;
  ~Spawning();

  /// Returns when the process exists; its program may not run yet.
  [[nodiscard]] Spawned launch(const Launch& wanted);
  /// Returns when the program runs and sleeps. The program must be one that waits for something.
  [[nodiscard]] Spawned start(const Launch& wanted);
  /// The failure that the spawner reports for `launch`; its process has ended and is reaped. Nothing if it
  /// runs.
  [[nodiscard]] std::optional<LaunchReply> fail(const Launch& launch);
  /// Sends any bytes as a request; returns the answer.
  [[nodiscard]] std::optional<LaunchReply> ask(const std::vector<std::byte>& request);
  void renounce_root();
  /// Kills the spawner and continues with its standby.
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
