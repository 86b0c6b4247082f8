// Gates and marks: a scripted worker and a test wait for each other without sleeping. Both are files in the
// directory that the environment variable GATES names.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace prefork::test {

inline constexpr const char* kGatesVariable = "GATES";

/// The worker's side. Without GATES in the environment these functions do nothing.
/// Blocks until the test opens the gate `name`.
void wait_at_gate(const std::string& name);
/// Adds a line with this process's pid to the mark `name`.
void leave_mark(const std::string& name);
/// True for the first `limit` processes that call it with this name, once each.
[[nodiscard]] bool among_first(const std::string& name, unsigned long limit);

/// The test's side.
class Gates {
 public:
  explicit Gates(std::string directory) : directory_(std::move(directory)) {}

  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// Waits until a process waits at the gate, and lets the waiting processes pass. Later ones wait again.
  void open(const std::string& name) const;
  /// Opens the gate for all processes, now and later.
  void open_for_good(const std::string& name) const;
  /// The pids of the processes that have left the mark so far, in order, one entry for each time.
  [[nodiscard]] std::vector<pid_t> marks(const std::string& name) const;
  /// Waits until the mark was left at least `count` times.
  std::vector<pid_t> wait_for_marks(const std::string& name, std::size_t count = 1) const;

 private:
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + '/' + name; }

  std::string directory_;
};

}  // namespace prefork::test
