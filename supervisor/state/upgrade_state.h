// All that a supervisor is, as plain values: what the program that takes its place in the same process goes
// on from. Descriptors are carried by their numbers; the process keeps them through the exec. Of a
// configuration the text travels and is read again: what it means is for the new program to say.
//
// Each structure lists its members for snapshot_writer.h and snapshot_reader.h;
// tests/state/upgrade_state_test.cc counts them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/result.h"
#include "supervisor/core/ids.h"
#include "supervisor/state/pool_state.h"

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

/// Of one of the two spawners.
struct SpawnerProcessState {
  Carried socket = Carried::kNone, pidfd = Carried::kNone;
  std::int64_t pid = 0;  ///< 0: there is none; with a socket it has been asked for
  Instant started_at;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("socket", self.socket), visit("pidfd", self.pidfd), visit("pid", self.pid);
    visit("started_at", self.started_at);
  }
};

struct SpawnerState {
  std::uint32_t launch_format = 0;  ///< of its requests and answers
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

/// The listening socket at the path that the configuration names.
struct ControlState {
  Carried socket = Carried::kNone;
  std::uint64_t file = 0;  ///< as of a ListenerState
  std::uint64_t last_event = 0;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("socket", self.socket), visit("file", self.file), visit("last_event", self.last_event);
  }
};

/// A listening socket that was handed over at start.
struct ActivatedState {
  std::string name;
  Carried socket = Carried::kNone;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("name", self.name), visit("socket", self.socket);
  }
};

/// Pools that run under one text of the configuration: all that it names, or those that a reload has removed.
struct PoolsState {
  std::string config_text;
  std::vector<PoolState> pools;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("config_text", self.config_text), visit("pools", self.pools);
  }
};

struct SupervisorState {
  std::string version;  ///< of the program that wrote it
  std::int64_t pid = 0;
  std::string config_file;
  Carried config_lock = Carried::kNone;
  std::uint64_t descriptors_soft = 0, descriptors_hard = 0;  ///< RLIMIT_NOFILE of workers
  Instant started_at, last_status, written_at;
  bool status_due = false;
  bool clients_protected = true;         ///< with client_descriptors: seccomp denies reading them
  std::uint64_t client_descriptors = 0;  ///< client sockets have this number and those above; 0: any
  std::uint64_t strangers_reaped = 0;
  std::string log_waiting;  ///< lines that nobody has read yet
  std::uint64_t log_dropped = 0;
  SpawnerState spawner;
  ControlState control;
  std::vector<ActivatedState> activated;
  PoolsState running;
  bool config_examined = false;  ///< the new program has said, as a child, that it accepts this configuration
  std::vector<PoolsState> leaving;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("version", self.version), visit("pid", self.pid), visit("config_file", self.config_file);
    visit("config_lock", self.config_lock), visit("descriptors_soft", self.descriptors_soft);
    visit("descriptors_hard", self.descriptors_hard), visit("started_at", self.started_at);
    visit("last_status", self.last_status), visit("written_at", self.written_at);
    visit("status_due", self.status_due), visit("client_descriptors", self.client_descriptors);
    visit("clients_protected", self.clients_protected);
    visit("strangers_reaped", self.strangers_reaped);
    visit("log_waiting", self.log_waiting), visit("log_dropped", self.log_dropped);
    visit("spawner", self.spawner), visit("control", self.control), visit("activated", self.activated),
        visit("running", self.running), visit("config_examined", self.config_examined),
        visit("leaving", self.leaving);
  }
};

/// All descriptors that the state names.
[[nodiscard]] std::vector<int> descriptors_in(const SupervisorState& state);

/// As bytes, and back. An error says which member is wrong.
[[nodiscard]] std::string encode_state(const SupervisorState& state);
[[nodiscard]] Result<SupervisorState> decode_state(const std::string& bytes);

}  // namespace prefork
