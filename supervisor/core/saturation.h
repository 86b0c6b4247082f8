// Whether a pool has more to do than it has workers for: somebody waits in its queue. Reports when that
// begins and when it has been over for a moment, so that a pool at its limit is not reported with every
// connection.
#pragma once

#include <cstddef>
#include <optional>

#include "supervisor/core/action.h"
#include "supervisor/core/ids.h"

namespace prefork {

class Saturation {
 public:
  /// How long nobody must have waited.
  static constexpr Duration kCalm = std::chrono::milliseconds(100);

  /// `queued`: how many still wait when everything that can be handed out has been.
  void observe(std::size_t queued, Instant now, Actions& out);
  /// What was reported last.
  [[nodiscard]] bool saturated() const { return saturated_; }
  /// When to observe once more, whatever happens.
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("saturated", self.saturated_), visit("calm_since", self.calm_since_);
  }

 private:
  bool saturated_ = false;
  std::optional<Instant> calm_since_;  ///< while saturated_: since when nobody waits
};

}  // namespace prefork
