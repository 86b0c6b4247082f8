// The verdict of the last reload, as plain values: the status shows it until the next reload, and an upgrade
// carries it over. The Reloader keeps it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "supervisor/core/ids.h"

namespace prefork {

struct LastReload {
  /// The status shows no more mistakes than these; the log and the event have all of them.
  static constexpr std::size_t kMaxMistakes = 5;

  bool applied = false;
  Instant at = {};
  std::uint64_t count = 0;                 ///< of mistakes
  std::vector<std::string> mistakes = {};  ///< the first of them

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("applied", self.applied), visit("at", self.at), visit("count", self.count);
    visit("mistakes", self.mistakes);
  }
};

}  // namespace prefork
