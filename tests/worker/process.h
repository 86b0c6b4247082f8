// A program that a test runs: spawned with an environment of its own, ended and reaped with the object.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "proto/fd.h"

namespace prefork::test {

/// No condition in these tests takes longer, however slow the machine is.
inline constexpr std::chrono::seconds kDeadline{10};

/// Waits until `descriptor` is readable (or at its end); fails the test at the deadline.
void await_readable(int descriptor);

/// Everything that can be read until `ending` or the end comes.
[[nodiscard]] std::string read_until(int descriptor, const std::string& ending);
[[nodiscard]] std::string read_to_end(int descriptor);

class Process {
 public:
  struct Options {
    std::vector<std::string> environment;  ///< NAME=value, beside PATH
    int channel = -1;                      ///< is put at descriptor `channel_at`
    int channel_at = 3;
  };

  Process(const std::vector<std::string>& command, const Options& options);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Its standard output and error: ends of pipes.
  [[nodiscard]] int output() const { return output_.get(); }
  [[nodiscard]] int errors() const { return errors_.get(); }
  void signal(int number) const;
  /// Waits for its end. The exit status, or minus the number of the signal that killed it.
  int await_exit();

 private:
  pid_t pid_ = -1;
  Fd output_;
  Fd errors_;
};

/// As Process::await_exit(), for any child.
int reap(pid_t pid);

}  // namespace prefork::test
