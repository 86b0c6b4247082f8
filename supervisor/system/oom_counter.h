// How many processes the kernel has killed in the supervisor's cgroup because memory ran out: what tells such
// a kill from another SIGKILL. Workers are in the cgroup that the supervisor is in when it starts. The count
// is the whole cgroup's, and does not say who was killed: only what has just been counted is told of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/core/ids.h"

namespace prefork {

class OomCounter {
 public:
  /// How old a kill may be when it is told of. Between it and the end of its process memory is given back.
  static constexpr Duration kRecent = std::chrono::seconds(1);

  /// Of this process's cgroup: of version 2, or of version 1's memory controller.
  OomCounter();
  /// `file` has a line "oom_kill N".
  explicit OomCounter(std::string file);

  /// Notes what was counted since the last look, as having happened now: to be called every kRecent.
  void look(Instant now);
  /// Whether there was a recent kill that nobody has been told of yet; if so, tells of one.
  [[nodiscard]] bool take_kill(Instant now);
  /// The file that is read; empty: there is none.
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  [[nodiscard]] std::optional<std::uint64_t> read() const;

  std::string file_;
  std::uint64_t seen_ = 0;    ///< the count, when last looked at
  std::uint64_t untold_ = 0;  ///< of those
  Instant risen_at_;          ///< when untold_ last grew
};

}  // namespace prefork
