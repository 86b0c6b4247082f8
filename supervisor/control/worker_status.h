// The status of the workers of a pool as values, and their scoreboard.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/death_record.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/worker_state.h"

namespace prefork {

/// What the scoreboard shows of a worker.
struct WorkerCell {
  std::uint64_t number = 0;
  WorkerRole role = WorkerRole::kWorker;
  WorkerStatus status = WorkerStatus::kStarting;
  bool stopped = false;  ///< by a signal such as SIGSTOP
  std::uint32_t load = 0;
  std::uint32_t slots = 0;
};

struct WorkerStatusLine : WorkerCell {
  pid_t pid = 0;                          ///< 0: not known yet
  StopReason reason = StopReason::kNone;  ///< why it drains or was signalled
  std::uint32_t reported_load = 0;        ///< thousandths
  std::uint64_t served = 0;
  Generation generation = 0;
  Duration age{};
  Duration in_status{};  ///< time in this status, or since it became busy or idle
  std::uint32_t restarts = 0;
  std::optional<DeathRecord> last_death;  ///< of the worker that this one replaced
  std::string note;
};

/// The number of workers that can be given connections.
[[nodiscard]] std::size_t ready_workers(const std::vector<WorkerCell>& cells);
struct SlotCount {
  std::uint64_t busy = 0, total = 0;
};
/// Of the workers that can be given connections.
[[nodiscard]] SlotCount slots_of(const std::vector<WorkerCell>& cells);
/// "idle", "busy", or the name of the status.
[[nodiscard]] std::string state_of(const WorkerStatusLine& worker);
/// One character a worker: `_` idle, `B` busy, `S` starting, `D` draining, `K` signalled, `T` template, `Z`
/// stopped.
[[nodiscard]] std::string scoreboard(const std::vector<WorkerCell>& cells);
/// The numbers of these workers, in the order of the scoreboard: "1-8,12".
[[nodiscard]] std::string scoreboard_workers(const std::vector<WorkerCell>& cells);

}  // namespace prefork
