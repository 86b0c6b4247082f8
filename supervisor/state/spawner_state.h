// The two spawners and the requests to them as plain values of the state of an upgrade in place. Written and
// read by supervisor/workers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supervisor/core/ids.h"
#include "supervisor/state/carried.h"

namespace prefork {

/// A request to the spawner that waits to be sent.
struct RequestState {
  std::uint64_t pool = 0, worker = 0;
  std::string bytes;
  Carried channel = Carried::kNone, output = Carried::kNone;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("pool", self.pool), visit("worker", self.worker), visit("bytes", self.bytes),
        visit("channel", self.channel);
    visit("output", self.output);
  }
};

/// One of the two spawners.
struct SpawnerProcessState {
  Carried socket = Carried::kNone, pidfd = Carried::kNone;
  std::int64_t pid = 0;  ///< 0: there is none; if there is a socket, it has been asked for
  Instant started_at;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("socket", self.socket), visit("pidfd", self.pidfd), visit("pid", self.pid);
    visit("started_at", self.started_at);
  }
};

struct SpawnerState {
  std::uint32_t launch_format = 0;  ///< format number of its requests and answers
  SpawnerProcessState active, standby;
  std::uint64_t last_key = 0;
  std::vector<RequestState> in_flight;  ///< sent and unanswered; without bytes and channel
  std::vector<RequestState> waiting;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("launch_format", self.launch_format), visit("active", self.active);
    visit("standby", self.standby), visit("last_key", self.last_key);
    visit("in_flight", self.in_flight), visit("waiting", self.waiting);
  }
};

}  // namespace prefork
