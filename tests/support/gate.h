// Gates and marks: how a scripted worker and a test wait for each other without sleeping. Both live as files
// in the directory that the environment variable GATES names.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace prefork::test {

inline constexpr const char* kGatesVariable = "GATES";

/// The worker's side; without GATES in the environment they do nothing.
/// Blocks until the test opens the gate.
void wait_at_gate(const std::string& name);
/// Adds a line with this process's pid to the mark.
void leave_mark(const std::string& name);
/// True for the first `limit` processes that ask for this name, once each.
[[nodiscard]] bool among_first(const std::string& name, unsigned long limit);

/// The test's side.
class Gates {
 public:
  explicit Gates(std::string directory) : directory_(std::move(directory)) {}

  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// Waits until somebody waits at the gate, and lets through who does; who comes later waits again.
  void open(const std::string& name) const;
  /// Opens the gate for all who wait and who will come.
  void open_for_good(const std::string& name) const;
  /// The pids that have left the mark so far, in order, one entry each time.
  [[nodiscard]] std::vector<pid_t> marks(const std::string& name) const;
  /// Waits until the mark was left `count` times at least.
  std::vector<pid_t> wait_for_marks(const std::string& name, std::size_t count = 1) const;

 private:
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + '/' + name; }

  std::string directory_;
};

}  // namespace prefork::test
