// How often reloads and upgrades have succeeded and were refused since the start, as plain values: the status
// shows them, and an upgrade carries them over. Reloader and Upgrader keep them.
#pragma once

#include <cstdint>

namespace prefork {

struct ReloadCounts {
  std::uint64_t applied = 0, refused = 0;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("applied", self.applied), visit("refused", self.refused);
  }
};

struct UpgradeCounts {
  std::uint64_t succeeded = 0, refused = 0;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("succeeded", self.succeeded), visit("refused", self.refused);
  }
};

}  // namespace prefork
