// The target size of a pool whose number of workers follows the load. It grows when fewer than `spare`
// workers are idle or connections wait, in steps that double. It shrinks by the workers that were not needed
// during a whole idle_timeout. Constant time: Lifecycle asks after every event.
#pragma once

#include <cstddef>
#include <optional>

#include "supervisor/core/ids.h"
#include "supervisor/core/settings.h"

namespace prefork {

class ElasticSize {
 public:
  /// The shortest time between two steps of growth.
  static constexpr Duration kStep = std::chrono::milliseconds(50);

  struct Load {
    std::size_t idle = 0;    ///< workers that could take a connection now
    std::size_t coming = 0;  ///< starting, or about to be started
    std::size_t queued = 0;  ///< connections that wait
  };

  /// At most `limit` workers from now on. The bounds of `target` change at once.
  void configure(const PoolSettings::Elastic& settings, std::size_t limit, Instant now);
  [[nodiscard]] std::size_t clamp(std::size_t target) const;
  /// The new target, with `target` before.
  [[nodiscard]] std::size_t decide(const Load& load, std::size_t target, Instant now);
  /// When to call decide() again although nothing happens.
  [[nodiscard]] std::optional<Instant> next_look() const;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("min", self.settings_.min), visit("limit", self.limit_), visit("burst", self.burst_),
        visit("credit", self.credit_);
    visit("credit_at", self.credit_at_), visit("next_step", self.next_step_);
    visit("step_awaited", self.step_awaited_), visit("low_water", self.low_water_);
    visit("window_end", self.window_end_);
  }

 private:
  [[nodiscard]] std::size_t grow(std::size_t shortage, Instant now);
  [[nodiscard]] std::size_t shrink(const Load& load, std::size_t target, Instant now);

  PoolSettings::Elastic settings_;
  std::size_t limit_ = 1;
  std::size_t burst_ = 1;  ///< the most starts of the next step
  double credit_ = 0;      ///< starts left of spawn_rate a second
  Instant credit_at_;
  Instant next_step_;
  std::optional<Instant> step_awaited_;  ///< a shortage waits for the next step
  std::size_t low_water_ = 0;            ///< fewest idle workers since the window began
  std::optional<Instant> window_end_;    ///< runs while there are more than `min`
};

}  // namespace prefork
