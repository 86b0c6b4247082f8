// How the admin processes have ended: how many in a row were of no use, why the last one ended, and how long
// the next one has to wait. Plain values; the time is a parameter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/control/admin_status.h"
#include "supervisor/core/ids.h"

namespace prefork {

class AdminAttempts {
 public:
  /// A process that has run so long was of use: the next one is started at once.
  static constexpr Duration kProof = std::chrono::seconds(10);

  void running(Instant now) { running_since_ = now; }
  /// It has ended by itself, was killed, or could not be started. True: so did the one before, for the same
  /// reason.
  bool ended(const std::string& why, Instant now);
  void begin_anew();
  /// From the end until the next attempt; zero: the last one was of use.
  [[nodiscard]] Duration delay() const;
  /// What the status says of failures.
  void add_to(AdminStatus& status, Instant now) const;

 private:
  [[nodiscard]] bool of_use(Instant now) const;

  std::optional<Instant> running_since_;
  std::uint32_t failures_ = 0;  ///< in a row
  std::string why_;             ///< the last one ended
  Instant next_at_;
};

}  // namespace prefork
