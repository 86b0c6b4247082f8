// What a PoolRunner is, as plain values: a pool's part of the state of an upgrade in place (upgrade_state.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/answers.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/rollout_verdict.h"
#include "supervisor/core/snapshot.h"
#include "supervisor/state/client_state.h"
#include "supervisor/state/listener_state.h"
#include "supervisor/state/worker_state.h"

namespace prefork {

struct PoolState {
  std::string name;
  Duration stop_timeout{};
  bool stopped_cleanly = true, rollout_failed = false;
  RolloutVerdict rollout;  ///< the last one
  std::uint64_t spawner_key = 0;
  Snapshot core;     ///< the Pool
  Snapshot tickets;  ///< the SlotAllocator
  std::vector<LaunchState> launches;
  std::vector<ListenerState> listeners;
  std::vector<WorkerProcessState> workers;
  std::vector<OutputState> outputs;  ///< pipes of ended templates whose forked workers still write to them
  std::vector<ForkState> forks;
  std::vector<SocketState> sockets;
  std::vector<LingeringCloseState> lingering_closes;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("name", self.name), visit("stop_timeout", self.stop_timeout);
    visit("stopped_cleanly", self.stopped_cleanly), visit("rollout_failed", self.rollout_failed);
    visit("rollout", self.rollout);
    visit("spawner_key", self.spawner_key), visit("core", self.core), visit("tickets", self.tickets);
    visit("launches", self.launches), visit("listeners", self.listeners), visit("workers", self.workers);
    visit("outputs", self.outputs), visit("forks", self.forks), visit("sockets", self.sockets);
    visit("farewells", self.lingering_closes);  // the name earlier versions use
  }
};

/// Pools that run under one text of the configuration: all that it names, or pools that a reload has removed.
struct PoolsState {
  std::string config_text;
  std::optional<MachineAnswers> answers;  ///< what the machine answered when the text was read
  std::vector<PoolState> pools;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("config_text", self.config_text), visit("answers", self.answers), visit("pools", self.pools);
  }
};

}  // namespace prefork
