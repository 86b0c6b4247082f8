// Whether a pool has more connections than its workers can take, so that connections wait in its queue.
// Reports when that begins, and when it has been over for a moment: a pool at its limit is not reported with
// each connection.
#pragma once

#include <cstddef>
#include <optional>

#include "supervisor/core/action.h"
#include "supervisor/core/ids.h"

namespace prefork {

class Saturation {
 public:
  /// For this time no connection must have waited.
  static constexpr Duration kCalm = std::chrono::milliseconds(100);

  /// `queued`: how many connections still wait after all that workers can take have been handed out.
  void observe(std::size_t queued, Instant now, Actions& out);
  /// What was reported last.
  [[nodiscard]] bool saturated() const { return saturated_; }
  /// When to call observe() again although nothing happens.
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("saturated", self.saturated_), visit("calm_since", self.calm_since_);
  }

 private:
  bool saturated_ = false;
  std::optional<Instant> calm_since_;  ///< while saturated_: since when no connection waits
};

}  // namespace prefork
