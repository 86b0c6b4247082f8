// How many processes the kernel has killed in the supervisor's cgroup because memory ran out: what tells such
// a kill from another SIGKILL. Workers are in the cgroup that the supervisor is in when it starts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace prefork {

class OomCounter {
 public:
  /// Of this process's cgroup: of version 2, or of version 1's memory controller.
  OomCounter();
  /// `file` has a line "oom_kill N".
  explicit OomCounter(std::string file);

  /// Whether there was a kill that nobody has been told of yet; if so, tells of one.
  [[nodiscard]] bool take_kill();
  /// The file that is read; empty: there is none.
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  [[nodiscard]] std::optional<std::uint64_t> read() const;

  std::string file_;
  std::uint64_t told_ = 0;
};

}  // namespace prefork
