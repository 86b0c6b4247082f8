// One row of the worker table: the grown-up form of the classic {pid, fd, status}. The pid and the channel
// live in workers/worker_process under the same id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "supervisor/core/ids.h"

namespace prefork {

enum class WorkerStatus {
  kStarting,  ///< asked for; has not said Ready
  kReady,     ///< gets connections while it has free slots
  kDraining,  ///< gets nothing new, finishes what it has, then exits by itself
  kStopping,  ///< has been signalled; its exit is awaited
};

enum class WorkerRole {
  kWorker,
  kTemplate,  ///< forks workers, serves nobody
};

/// Why we want a worker gone. kNone: we do not.
enum class StopReason {
  kNone,
  kResize,          ///< the pool became smaller
  kReload,          ///< a newer generation took its place
  kRecycle,         ///< was old, had served enough or was too large, and another took its place
  kPoolStop,        ///< the pool is being stopped
  kDrainTimeout,    ///< did not finish within stop_timeout
  kStartTimeout,    ///< did not say Ready within start_timeout
  kReceiptTimeout,  ///< did not say Busy within receipt_timeout
  kBusyTimeout,     ///< was busy with one connection for longer than busy_timeout
  kPingTimeout,     ///< was idle and did not answer within ping_timeout
  kViolation,       ///< broke the protocol
  kChannelClosed,   ///< closed its channel, or half of it, but lives
  kDoesNotFork,     ///< a template that forked nobody for start_timeout, though asked
};

/// Leaving for this reason is a failure, to be mended; for the others it is planned.
[[nodiscard]] constexpr bool is_failure(StopReason reason) {
  return reason != StopReason::kResize && reason != StopReason::kReload && reason != StopReason::kRecycle &&
         reason != StopReason::kPoolStop && reason != StopReason::kDrainTimeout;
}

/// How a process ended.
struct Exit {
  enum class Kind {
    kExited,       ///< value is the exit status
    kSignaled,     ///< value is the signal
    kNotStarted,   ///< there never was a process
    kVanished,     ///< a forked worker whose channel ended before it told who it was
    kOutOfMemory,  ///< killed by the kernel because memory ran out; value is the signal
  };
  Kind kind = Kind::kExited;
  int value = 0;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("kind", self.kind), visit("value", self.value);
  }
};

/// What is known of a worker's death.
struct DeathRecord {
  WorkerId worker;
  WorkerRole role = WorkerRole::kWorker;
  Generation generation = 0;
  Exit exit;
  StopReason reason = StopReason::kNone;  ///< kNone: it left unasked
  bool was_ready = false;
  bool killed_by_us = false;  ///< SIGKILL was sent
  Duration age{};             ///< from its start
  std::uint64_t served = 0;
  std::uint32_t held_begun = 0;    ///< connections it had begun and not finished
  std::uint32_t held_unbegun = 0;  ///< connections that go to other workers

  /// A death to be mended: nobody wanted it, or the worker misbehaved. The rest is planned.
  [[nodiscard]] bool is_failure() const { return prefork::is_failure(reason); }

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("worker", self.worker), visit("role", self.role), visit("generation", self.generation);
    visit("exit", self.exit), visit("reason", self.reason), visit("was_ready", self.was_ready);
    visit("killed_by_us", self.killed_by_us), visit("age", self.age), visit("served", self.served);
    visit("held_begun", self.held_begun), visit("held_unbegun", self.held_unbegun);
  }
};

/// The line of workers in one place of the pool: what a new worker inherits from the one it replaces.
struct Lineage {
  std::uint32_t restarts = 0;
  std::optional<DeathRecord> last_death;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("restarts", self.restarts), visit("last_death", self.last_death);
  }
};

struct WorkerRow {
  WorkerId id;
  WorkerRole role = WorkerRole::kWorker;
  Generation generation = 0;
  WorkerId from;  ///< the template that shall fork it; none: it is not forked, or has told who it is
  WorkerStatus status = WorkerStatus::kStarting;
  StopReason reason = StopReason::kNone;
  std::uint32_t load = 0;   ///< connections dispatched to it and not finished
  std::uint32_t slots = 0;  ///< how many it may have; known when it is ready
  std::uint64_t served = 0;
  Instant started_at;
  Instant since;                    ///< start of the present status; of being idle or busy, when it is ready
  Instant ready_at;                 ///< meaningful when was_ready
  Instant forked_at;                ///< a template: when the last one that it forked told who it is
  std::optional<Instant> deadline;  ///< of the present status; passed: the next harder step
  bool resting = false;   ///< ready, but gets nothing until its deadline: it refused, or does not read
  bool may_keep = false;  ///< may keep a connection for its next request, and has not been asked to park it
  std::uint32_t reported_load = 0;  ///< what it says of itself, in thousandths
  bool stopped = false;             ///< by SIGSTOP or the like; gets nothing until it is continued
  bool kill_sent = false;
  bool stuck = false;  ///< SIGKILL did not end it within kill_timeout
  bool was_ready = false;
  std::uint64_t recycle_served = 0;  ///< to be recycled when it has served so many; 0: never
  std::optional<Instant> recycle_at;
  bool recycle_due = false;
  bool retiring = false;             ///< due, and being replaced: serves until its successor is ready
  std::optional<Instant> pinged_at;  ///< has been asked whether it lives, and has not answered
  std::optional<Instant> ponged_at;  ///< when it last answered
  Lineage lineage;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("id", self.id), visit("role", self.role), visit("generation", self.generation);
    visit("from", self.from), visit("forked_at", self.forked_at);
    visit("status", self.status), visit("reason", self.reason), visit("load", self.load);
    visit("slots", self.slots), visit("served", self.served), visit("started_at", self.started_at);
    visit("since", self.since), visit("ready_at", self.ready_at), visit("deadline", self.deadline);
    visit("resting", self.resting), visit("stopped", self.stopped), visit("kill_sent", self.kill_sent);
    visit("stuck", self.stuck), visit("was_ready", self.was_ready);
    visit("recycle_served", self.recycle_served), visit("recycle_at", self.recycle_at);
    visit("recycle_due", self.recycle_due), visit("retiring", self.retiring);
    visit("pinged_at", self.pinged_at), visit("ponged_at", self.ponged_at);
    visit("lineage", self.lineage), visit("may_keep", self.may_keep);
    visit("reported_load", self.reported_load);
  }

  [[nodiscard]] bool dispatchable() const {
    return status == WorkerStatus::kReady && role == WorkerRole::kWorker && !resting && !stopped &&
           load < slots;
  }
  /// Of the generation that serves, and not being replaced.
  [[nodiscard]] bool present(Generation serving) const { return generation == serving && !retiring; }
  /// Of the generation on trial, if there is one.
  [[nodiscard]] bool on_trial(std::optional<Generation> trial) const { return generation == trial; }
  /// Counts towards the size of the pool.
  [[nodiscard]] bool live() const {
    return status == WorkerStatus::kStarting || status == WorkerStatus::kReady;
  }
};

[[nodiscard]] std::string_view to_string(WorkerStatus status);
[[nodiscard]] std::string_view to_string(StopReason reason);

}  // namespace prefork
