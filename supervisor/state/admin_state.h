// The admin process as plain values of the state of an upgrade in place. Its listening sockets are carried
// over, and the file of its history. The process is not: it sees the end of its link, leaves its history and
// exits, and the new program starts its own.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "config/process_config.h"
#include "supervisor/state/carried.h"
#include "supervisor/state/listener_state.h"
#include "supervisor/state/worker_state.h"

namespace prefork {

struct AdminState {
  std::vector<ListenerState> admin = {}, agent = {};
  std::uint64_t spawner_key = 0;  ///< 0: an earlier version, which has no admin process
  std::uint64_t number = 0;       ///< of the last start
  bool requested = false;         ///< the spawner has not answered: no pid yet
  std::int64_t pid = 0;           ///< 0: there is no process
  Carried pidfd = Carried::kNone;
  OutputState output = {};
  std::uint64_t restarts = 0;
  Carried history = Carried::kNone;
  std::optional<Identity> identity = {};  ///< without the key admin_user, in a supervisor that was root

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("admin", self.admin), visit("agent", self.agent), visit("spawner_key", self.spawner_key);
    visit("number", self.number), visit("requested", self.requested), visit("pid", self.pid),
        visit("pidfd", self.pidfd);
    visit("output", self.output), visit("restarts", self.restarts), visit("identity", self.identity);
    visit("history", self.history);
  }
};

}  // namespace prefork
