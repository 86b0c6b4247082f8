// Connections that wanted something and ended in any other way than served, by how they ended. Counters has
// those of a pool's whole life, action::Stopped those of a stop.
#pragma once

#include <cstdint>

namespace prefork {

struct Unserved {
  std::uint64_t lost = 0;       ///< its worker died after it had begun it
  std::uint64_t gave_up = 0;    ///< came back too often
  std::uint64_t rejected = 0;   ///< the queue was full
  std::uint64_t expired = 0;    ///< waited longer than the queue's timeout
  std::uint64_t discarded = 0;  ///< still queued when the pool was stopped, or not sendable at all

  [[nodiscard]] std::uint64_t total() const { return lost + gave_up + rejected + expired + discarded; }
  /// Those that have been added since `before`.
  [[nodiscard]] Unserved since(const Unserved& before) const {
    return {lost - before.lost, gave_up - before.gave_up, rejected - before.rejected,
            expired - before.expired, discarded - before.discarded};
  }

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("lost", self.lost), visit("gave_up", self.gave_up), visit("rejected", self.rejected);
    visit("expired", self.expired), visit("discarded", self.discarded);
  }
};

}  // namespace prefork
