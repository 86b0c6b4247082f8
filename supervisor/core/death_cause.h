// Why workers have died, as the counters tell it: one cause for each death. docs/operations.md says what each
// means. A cause that is added here has a name in death_cause.cc, and a row there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "supervisor/core/death_record.h"

namespace prefork {

enum class DeathCause {
  kPlanned,  ///< the supervisor needed the worker no more, or the worker left by itself
  // The worker ended by itself: how.
  kExited,
  kSignaled,
  kNotStarted,
  kVanished,
  kOutOfMemory,
  // The supervisor ended it, for this reason.
  kStartTimeout,
  kReceiptTimeout,
  kBusyTimeout,
  kPingTimeout,
  kViolation,
  kChannelClosed,
  kDoesNotFork,
  kFailedTrial,
  kSocketBlocked,
  kLeftTooSoon,
};
inline constexpr std::size_t kDeathCauses = static_cast<std::size_t>(DeathCause::kLeftTooSoon) + 1;

[[nodiscard]] DeathCause cause_of(const DeathRecord& death);
/// "receipt_timeout".
[[nodiscard]] const char* name_of(DeathCause cause);

class DeathCounts {
 public:
  void add(DeathCause cause) { ++counts_[static_cast<std::size_t>(cause)]; }
  [[nodiscard]] std::uint64_t of(DeathCause cause) const { return counts_[static_cast<std::size_t>(cause)]; }
  [[nodiscard]] std::uint64_t total() const {
    std::uint64_t total = 0;
    for (const std::uint64_t count : counts_) total += count;
    return total;
  }
  /// Calls `visit` with the name and the number of each cause.
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    for (std::size_t i = 0; i < kDeathCauses; ++i)
      visit(name_of(static_cast<DeathCause>(i)), self.counts_[i]);
  }

 private:
  std::array<std::uint64_t, kDeathCauses> counts_{};
};

}  // namespace prefork
