// The live status as values. It comes from the supervisor's own data: no worker is asked. status_table and
// status_json make text of it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/control/admin_status.h"
#include "supervisor/control/worker_status.h"
#include "supervisor/core/counters.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/last_reload.h"
#include "supervisor/core/operation_counts.h"
#include "supervisor/core/rollout_verdict.h"

namespace prefork {

struct ListenerStatus {
  std::string name;
  std::uint64_t accepted = 0;
  bool paused = false;        ///< out of descriptors or memory
  bool file_missing = false;  ///< the file of the unix socket was removed: no client can connect
  /// TCP: the connections in the kernel's backlog, and their maximum.
  std::optional<std::uint32_t> backlog = {}, backlog_limit = {};
};

struct Percentiles {
  std::uint64_t count = 0;
  Duration p50{}, p99{}, max{};
};
[[nodiscard]] Percentiles percentiles_of(const Histogram& times);

/// All times since the start.
struct TotalTimes {
  std::uint64_t count = 0, sum_us = 0;
  std::array<std::uint64_t, Histogram::kEdges> up_to{};  ///< entry i: how many took at most 2^i µs
};
[[nodiscard]] TotalTimes totals_of(const Histogram& times);

struct PoolStatus {
  std::string name;
  std::string state;     ///< "running", "stopping" …
  bool removed = false;  ///< no longer in the configuration: it is stopping
  std::vector<ListenerStatus> listeners;
  bool accepting = false;
  bool saturated = false;            ///< connections wait for a worker, or did until a moment ago
  std::size_t configured = 0;        ///< workers as in the file
  std::size_t target = 0;            ///< workers wanted now
  std::size_t scheduled = 0;         ///< of these, not started yet
  std::uint32_t start_failures = 0;  ///< in a row
  Generation generation = 0;
  std::optional<Generation> trial;      ///< the next generation, while its first worker is on trial
  RolloutVerdict rollout;               ///< the last one
  RolloutCounts rollouts;               ///< all so far
  std::optional<Duration> rollout_ago;  ///< since then, if known
  std::size_t queued = 0;
  std::size_t silent = 0;  ///< connections in the lobby that have sent nothing yet
  std::size_t parked = 0;  ///< connections in the lobby between two requests
  std::size_t queue_max = 0;
  std::size_t with_workers = 0;  ///< connections that workers have
  Counts counters;
  Percentiles waits;  ///< in the queue, of the last minute, see Timings
  Percentiles busy;   ///< from Busy to Idle or Park, of the last minute
  TotalTimes total_waits, total_busy;
  std::vector<WorkerCell> cells;          ///< of all workers, oldest first
  std::vector<WorkerStatusLine> workers;  ///< the same workers, if they are wanted
};

/// A pool in one line.
struct PoolSummary {
  std::string name;
  std::size_t ready = 0;  ///< workers that can be given connections
  std::size_t busy = 0;   ///< of these
  std::size_t target = 0, queued = 0;
  RolloutOutcome rollout = RolloutOutcome::kTookOver;
  bool failed_in_force = false;  ///< the rollout has failed, and its configuration is still the one in force
};

struct SupervisorStatus {
  std::string version, name;
  pid_t pid = 0;
  std::string config_file;
  Duration uptime{}, reload_ago{};
  std::uint64_t strangers_reaped = 0;
  Duration longest_turn{};         ///< of the event loop, since the start
  Duration longest_turn_lately{};  ///< within the last minute
  bool stopping = false;
  bool control_file_missing = false;  ///< the file of the control socket was removed
  std::string log_file_fault;   ///< why the log cannot be written, or its file be opened again; empty: it can
  std::vector<pid_t> spawners;  ///< the active one, then the standby
  std::optional<LastReload> reload;  ///< nothing: there has been none
  ReloadCounts reloads;
  UpgradeCounts upgrades;
  std::optional<Duration> stop_delay_left;  ///< it stops, and accepts connections for so long
  std::optional<int>
      seccomp_from;  ///< it cannot read from descriptors of this number and above: the clients'
  std::optional<AdminStatus> admin;  ///< nothing: it is not configured
  std::vector<PoolStatus> pools;
};

/// One line: "web: 3 of 4 workers ready, 1 busy, 0 queued; api: …".
[[nodiscard]] std::string summary(const std::vector<PoolSummary>& pools);
/// How many workers status_table and status_json make text of at a time.
inline constexpr std::size_t kWorkersAtATime = 32;

/// The number of workers that can be given connections.
[[nodiscard]] inline std::size_t ready_workers(const PoolStatus& pool) { return ready_workers(pool.cells); }
[[nodiscard]] inline SlotCount slots_of(const PoolStatus& pool) { return slots_of(pool.cells); }

}  // namespace prefork
