// The state of a whole supervisor as plain values. In an upgrade in place the old program writes it and the
// new program goes on from it, in the same process. A descriptor is carried by its number: the process keeps
// it through the exec. The configuration is carried as its text and what the machine answered when it was
// read: the new program reads the text again, by its own rules, and does not ask the machine.
//
// Each structure lists its members for snapshot_writer.h and snapshot_reader.h;
// tests/state/upgrade_state_test.cc counts them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/result.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/last_reload.h"
#include "supervisor/core/operation_counts.h"
#include "supervisor/state/admin_state.h"
#include "supervisor/state/carried.h"
#include "supervisor/state/listener_state.h"
#include "supervisor/state/pool_state.h"
#include "supervisor/state/spawner_state.h"

namespace prefork {

struct SupervisorState {
  std::string version;  ///< of the program that wrote the state
  std::int64_t pid = 0;
  std::string config_file;
  bool config_given = false;             ///< there is no file: the text was given at the start
  Carried config_lock = Carried::kNone;  ///< of an earlier version: to be closed
  std::uint64_t descriptors_soft = 0, descriptors_hard = 0;  ///< RLIMIT_NOFILE of workers
  Instant started_at, last_status, written_at;
  bool status_due = false;
  bool clients_protected = true;  ///< seccomp denies reading from client_descriptors on, if that is not 0
  std::uint64_t client_descriptors = 0;  ///< client sockets have this number or a higher one; 0: any
  std::uint64_t strangers_reaped = 0;
  bool service_ready = true;  ///< systemd was told so; earlier versions always told
  Instant turn_began;         ///< the turn of the event loop that the hand-over is part of
  Duration longest_turn{};    ///< of the event loop
  Carried log_file = Carried::kNone;
  std::string log_waiting;  ///< lines that the reader of the log has not taken yet
  std::uint64_t log_dropped = 0;
  SpawnerState spawner;
  ControlState control;
  AdminState admin;
  std::vector<ActivatedState> activated;
  PoolsState running;
  std::optional<LastReload> reload;
  ReloadCounts reloads;
  UpgradeCounts upgrades;        ///< without this one
  bool config_examined = false;  ///< the new program, run as a child, has accepted each text
  std::vector<PoolsState> leaving;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("version", self.version), visit("pid", self.pid), visit("config_file", self.config_file);
    visit("config_given", self.config_given);
    visit("config_lock", self.config_lock), visit("descriptors_soft", self.descriptors_soft);
    visit("descriptors_hard", self.descriptors_hard), visit("started_at", self.started_at);
    visit("last_status", self.last_status), visit("written_at", self.written_at);
    visit("status_due", self.status_due), visit("client_descriptors", self.client_descriptors);
    visit("clients_protected", self.clients_protected);
    visit("strangers_reaped", self.strangers_reaped), visit("service_ready", self.service_ready);
    visit("turn_began", self.turn_began), visit("longest_turn", self.longest_turn);
    visit("log_file", self.log_file), visit("log_waiting", self.log_waiting),
        visit("log_dropped", self.log_dropped);
    visit("spawner", self.spawner), visit("control", self.control), visit("admin", self.admin),
        visit("activated", self.activated), visit("running", self.running),
        visit("config_examined", self.config_examined), visit("leaving", self.leaving),
        visit("reload", self.reload), visit("reloads", self.reloads), visit("upgrades", self.upgrades);
  }
};

/// Every descriptor that the state names.
[[nodiscard]] std::vector<int> descriptors_in(const SupervisorState& state);
[[nodiscard]] std::vector<int> descriptors_in(const PoolState& state);

/// To bytes and back. The error of decode_state() says which member is wrong.
[[nodiscard]] std::string encode_state(const SupervisorState& state);
[[nodiscard]] Result<SupervisorState> decode_state(std::string_view bytes);

}  // namespace prefork
