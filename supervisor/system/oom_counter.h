// Counts the processes that the kernel has killed in the supervisor's cgroup because memory ran out: this
// tells such a kill from another SIGKILL. Workers are in the cgroup that the supervisor is in when it starts.
// The count is the whole cgroup's and does not name the killed process, so only a recent kill counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/core/ids.h"

namespace prefork {

class OomCounter {
 public:
  /// How old a kill may be when it is taken. Between the kill and the process's end its memory is freed.
  static constexpr Duration kRecent = std::chrono::seconds(1);

  /// Counts in this process's cgroup: version 2, or version 1's memory controller.
  OomCounter();
  /// `file` has a line "oom_kill N".
  explicit OomCounter(std::string file);

  /// Notes kills counted since the last look, as if they happened now: to be called every kRecent.
  void look(Instant now);
  /// Takes one recent kill that was not taken before. False: there is none.
  [[nodiscard]] bool take_kill(Instant now);
  /// The file that is read; empty: there is none.
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  [[nodiscard]] std::optional<std::uint64_t> read() const;

  std::string file_;
  std::uint64_t seen_ = 0;     ///< the count at the last look
  std::uint64_t untaken_ = 0;  ///< of these, not taken and recent
  Instant risen_at_;           ///< when untaken_ last grew
};

}  // namespace prefork
