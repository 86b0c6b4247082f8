// One row of the worker table: what the pool knows of one worker. Plain values; the pid and the channel are
// in workers/worker_process under the same id.
#pragma once

#include <cstdint>
#include <optional>

#include "supervisor/core/death_record.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/worker_state.h"

namespace prefork {

struct WorkerRow {
  WorkerId id;
  WorkerRole role = WorkerRole::kWorker;
  Generation generation = 0;
  WorkerId from;  ///< the template that shall fork it; none: it is not forked, or has identified itself
  WorkerStatus status = WorkerStatus::kStarting;
  StopReason reason = StopReason::kNone;
  std::optional<Violation> violation = {};  ///< the first one
  std::uint32_t load = 0;                   ///< connections dispatched to it and not finished
  std::uint32_t slots = 0;                  ///< the most connections it may have; known when it is ready
  std::uint64_t served = 0;
  std::uint64_t datagrams = 0;  ///< ordered for it so far
  std::uint64_t refused = 0;    ///< connections, each time
  Instant started_at;
  Instant since;      ///< start of the present status; of being idle or busy, when it is ready
  Instant ready_at;   ///< meaningful when was_ready
  Instant forked_at;  ///< a template: when the last worker that it forked identified itself
  std::optional<Instant>
      deadline;           ///< of the present status; when it has passed, the next harder step follows
  bool paused = false;    ///< ready, but gets nothing until its deadline: it refused, or does not read
  bool may_keep = false;  ///< may keep a connection for its next request, and has not been asked to park it
  std::uint32_t unreceived = 0;       ///< of `load`: it has neither begun nor refused them
  std::uint32_t most_unreceived = 0;  ///< with so many it gets no more; 0: no limit
  bool one_unreceived = false;        ///< of earlier versions: most_unreceived is 1
  Instant received_at;                ///< when it last began or refused one
  std::uint32_t reported_load = 0;    ///< what it reports of itself, in thousandths
  bool stopped = false;               ///< by SIGSTOP or the like; gets nothing until it is continued
  std::optional<Instant> stop_told;   ///< when it was last reported as stopped
  bool awaits_going_on = false;       ///< it was, and shall be reported when it goes on
  bool kill_sent = false;
  int signalled = 0;   ///< SIGTERM or SIGABRT, if that was sent to end it
  bool stuck = false;  ///< SIGKILL did not end it within kill_timeout
  bool was_ready = false;
  std::uint64_t recycle_served = 0;  ///< to be recycled when it has served so many; 0: never
  std::optional<Instant> recycle_at;
  bool recycle_due = false;
  bool retiring = false;             ///< due, and being replaced: serves until its successor is ready
  std::optional<Instant> pinged_at;  ///< when a Ping was sent that it has not answered
  std::optional<Instant> ponged_at;  ///< when it last answered one
  Lineage lineage;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("id", self.id), visit("role", self.role), visit("generation", self.generation);
    visit("from", self.from), visit("forked_at", self.forked_at);
    visit("status", self.status), visit("reason", self.reason), visit("load", self.load);
    visit("slots", self.slots), visit("served", self.served), visit("started_at", self.started_at);
    visit("since", self.since), visit("ready_at", self.ready_at), visit("deadline", self.deadline);
    visit("resting", self.paused);  // the name earlier versions use
    visit("stopped", self.stopped), visit("kill_sent", self.kill_sent);
    visit("stuck", self.stuck), visit("was_ready", self.was_ready);
    visit("recycle_served", self.recycle_served), visit("recycle_at", self.recycle_at);
    visit("recycle_due", self.recycle_due), visit("retiring", self.retiring);
    visit("pinged_at", self.pinged_at), visit("ponged_at", self.ponged_at);
    visit("lineage", self.lineage), visit("may_keep", self.may_keep);
    visit("reported_load", self.reported_load), visit("refused", self.refused);
    visit("datagrams", self.datagrams), visit("signalled", self.signalled);
    visit("violation", self.violation), visit("unreceived", self.unreceived);
    visit("most_unreceived", self.most_unreceived), visit("received_at", self.received_at);
    visit("one_unreceived", self.one_unreceived);
    visit("stop_told", self.stop_told), visit("awaits_going_on", self.awaits_going_on);
  }

  /// It can take a connection now, or after its next receipt.
  [[nodiscard]] bool has_room() const {
    return status == WorkerStatus::kReady && role == WorkerRole::kWorker && !paused && !stopped &&
           load < slots;
  }
  [[nodiscard]] bool awaits_receipt() const { return most_unreceived != 0 && unreceived >= most_unreceived; }
  /// It can take a connection now.
  [[nodiscard]] bool dispatchable() const { return has_room() && !awaits_receipt(); }
  /// It is of this generation, which serves, and is not being replaced.
  [[nodiscard]] bool serves(Generation serving) const { return generation == serving && !retiring; }
  /// It is of the generation on trial, if there is one.
  [[nodiscard]] bool on_trial(std::optional<Generation> trial) const { return generation == trial; }
  /// It counts towards the size of the pool.
  [[nodiscard]] bool live() const {
    return status == WorkerStatus::kStarting || status == WorkerStatus::kReady;
  }
};

}  // namespace prefork
