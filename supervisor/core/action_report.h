// The actions that are reports: facts about workers and the pool, for the log, the events and the status.
// Nothing needs to be done for them. Texts for people are made in control/describe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "supervisor/core/death_record.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/unserved.h"

namespace prefork::action {

struct ReportReady {
  WorkerId worker;
  Duration took{};
};
struct ReportDeath {
  DeathRecord record;
};
struct ReportStarts {
  std::uint32_t failures = 0;  ///< new workers that died in a row; 0: the failures are over
  Duration delay{};            ///< until the next attempt
};
/// The worker has broken the protocol and is killed.
struct ReportViolation {
  WorkerId worker;
  Violation violation;
};
/// What becomes of a new generation; RolloutOutcome says what each means. Each has one end: kTakesOver,
/// kFailed or kAbandoned after kTrial; kServes after kStarts, perhaps with kDoesNotStart in between. A later
/// generation can cut that short.
struct ReportRollout {
  enum class Stage {
    kTrial,         ///< to RolloutOutcome::kOnTrial
    kTakesOver,     ///< to kTookOver
    kFailed,        ///< to kFailed
    kAbandoned,     ///< to kAbandoned
    kStarts,        ///< to kStarting
    kServes,        ///< to kTookOver
    kDoesNotStart,  ///< to kFailed
  };
  Stage stage = Stage::kTrial;
  Generation generation = 0;
  std::optional<DeathRecord> death;  ///< kFailed, kDoesNotStart: of the worker that failed
};
/// SIGKILL did not end the worker: it hangs in the kernel. `replaced`: another takes its place meanwhile.
struct ReportStuck {
  WorkerId worker;
  bool replaced = true;
};
/// A signal such as SIGSTOP has stopped the worker, or it goes on. Of a worker that is stopped again and
/// again, only some.
struct ReportStopped {
  WorkerId worker;
  bool stopped = true;
};
/// No worker is missing: for the first time of a generation or of a larger size that the operator has set, or
/// again after a failure.
struct ReportAllReady {
  std::size_t workers = 0;
};
/// The number of workers has followed the load.
struct ReportSize {
  std::size_t workers = 0;
  std::size_t before = 0;
};
/// A connection that came back from a worker is sent to another one.
struct ReportRedispatched {
  WorkerId worker;  ///< the new one
  Ticket ticket;
  std::uint32_t times = 1;  ///< from how many workers it has come back
};
/// Connections began to wait, or no connection has waited for a moment.
struct ReportSaturation {
  bool saturated = false;
  std::size_t queued = 0;
};
/// See event::SocketBlocked. Not `killed`: the worker has ended or is being killed.
struct ReportSocketBlocked {
  WorkerId worker;
  Ticket ticket;
  bool killed = false;
};
/// A connection came back from workers too often and will be closed.
struct ReportGaveUp {
  Ticket ticket;
  unsigned times = 0;  ///< from how many workers it came back
};
/// The stop is complete: the pool has no workers and no connections left.
struct Stopped {
  Unserved cut;              ///< connections that ended unserved since the stop was requested
  std::uint64_t killed = 0;  ///< workers that were sent SIGKILL, with a connection or without

  [[nodiscard]] bool clean() const { return cut.total() == 0; }
};

}  // namespace prefork::action
