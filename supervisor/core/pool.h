// One pool: a queue of connections and the workers that serve it. Decides and does nothing: events and the
// time come in, actions go out; pool/PoolRunner carries them out.
//
// Invariants, which the random tests check after every event: each connection is in exactly one place; no
// worker has more connections than slots; only ready workers are given connections; a connection is begun
// once; live workers and scheduled starts add up to the target until the pool is stopped; the pool accepts
// exactly while its queue has room; ids only grow; no action names a worker or a connection that is gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/core/action.h"
#include "supervisor/core/counters.h"
#include "supervisor/core/dispatcher.h"
#include "supervisor/core/event.h"
#include "supervisor/core/lifecycle.h"
#include "supervisor/core/saturation.h"
#include "supervisor/core/settings.h"
#include "supervisor/core/snapshot.h"
#include "supervisor/core/standstill_guard.h"
#include "supervisor/core/stop_sequence.h"
#include "supervisor/core/worker_table.h"

namespace prefork {

class Pool {
 public:
  using Phase = StopSequence::Phase;

  /// `seed` decides the random part of delays. Send a DeadlinePassed for the first actions.
  Pool(const PoolSettings& settings, std::uint32_t seed, Instant now);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Appends to `out`. Never fails and never blocks, whatever a worker's record contains.
  void handle(const Event& event, Instant now, Actions& out);
  /// When to send the next DeadlinePassed; nothing while no deadline runs.
  [[nodiscard]] std::optional<Instant> next_deadline();

  [[nodiscard]] Phase phase() const { return stop_.phase(); }
  /// After a standstill: deadlines do not count yet.
  [[nodiscard]] bool catching_up() const { return standstill_.catching_up(); }
  [[nodiscard]] bool accepting() const { return accepting_; }
  /// Connections wait for a worker, or did so until a moment ago.
  [[nodiscard]] bool saturated() const { return phase() != Phase::kStopped && saturation_.saturated(); }
  [[nodiscard]] const PoolSettings& settings() const { return settings_; }
  [[nodiscard]] const WorkerTable& workers() const { return workers_; }
  [[nodiscard]] const ConnectionTable& connections() const { return dispatcher_.connections(); }
  [[nodiscard]] const Lifecycle& lifecycle() const { return lifecycle_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  /// Which invariant is broken; null when none is. Looks at everything: for tests and checking builds.
  [[nodiscard]] const char* broken_invariant() const;

  /// Everything except the settings. Not to be called while handle() runs.
  [[nodiscard]] Snapshot snapshot() const;
  /// Into a new pool with the same settings, which goes on from there. Returns what is wrong, or nothing.
  [[nodiscard]] std::string restore(const Snapshot& snapshot);
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("counters", self.counters_), visit("workers", self.workers_);
    visit("dispatcher", self.dispatcher_), visit("lifecycle", self.lifecycle_);
    visit("saturation", self.saturation_), visit("accepting", self.accepting_);
    // The members of these parts stand beside Pool's own, where earlier versions have them.
    StopSequence::visit_state(self.stop_, visit);
    StandstillGuard::visit_state(self.standstill_, visit);
  }

 private:
  void on(const event::Accepted& event, Instant now, Actions& out);
  void on(const event::DispatchFailed& event, Instant now, Actions& out);
  void on(const event::Inspected& event, Instant now, Actions& out);
  void on(const event::WorkerIntroduced& event, Instant now, Actions& out);
  void on(const event::ClientSeen& event, Instant now, Actions& out);
  void on(const event::DescriptorsShort& event, Instant now, Actions& out);
  void on(const event::WorkerReady& event, Instant now, Actions& out);
  void on(const event::WorkerBusy& event, Instant now, Actions& out);
  void on(const event::WorkerIdle& event, Instant now, Actions& out);
  void on(const event::WorkerParked& event, Instant now, Actions& out);
  void on(const event::WorkerRefused& event, Instant now, Actions& out);
  void on(const event::WorkerLeaves& event, Instant now, Actions& out);
  void on(const event::WorkerProgress& event, Instant now, Actions& out);
  void on(const event::WorkerPong& event, Instant now, Actions& out);
  void on(const event::SocketBlocked& event, Instant now, Actions& out);
  void on(const event::WorkerLoad& event, Instant now, Actions& out);
  void on(const event::WorkerStopped& event, Instant now, Actions& out);
  void on(const event::WorkerMeasured& event, Instant now, Actions& out);
  void on(const event::WorkerViolated& event, Instant now, Actions& out);
  void on(const event::ChannelClosed& event, Instant now, Actions& out);
  void on(const event::WorkerExited& event, Instant now, Actions& out);
  void on(const event::SettingsChanged& event, Instant now, Actions& out);
  void on(const event::Resized& event, Instant now, Actions& out);
  void on(const event::FailuresForgotten& event, Instant now, Actions& out);
  void on(const event::StopRequested& event, Instant now, Actions& out);
  void on(const event::DeadlinePassed& event, Instant now, Actions& out);

  /// The worker broke the protocol: reports what was wrong and kills it.
  void violated(WorkerRow& row, const Violation& violation, Instant now, Actions& out);
  /// The row of a worker that has said Ready. Null otherwise; a record that comes before Ready is a
  /// violation.
  WorkerRow* known_ready(WorkerId worker, Ticket ticket, Instant now, Actions& out);
  /// Brings everything that follows from the last event to its end.
  void settle(Instant now, Actions& out);
  void finish(Instant now, Actions& out);
  void settle_stop(Instant now, Actions& out);
  /// When the next deadline is due, or was.
  [[nodiscard]] std::optional<Instant> earliest_deadline();

  PoolSettings settings_;
  Counters counters_;
  WorkerTable workers_;
  Dispatcher dispatcher_;
  Lifecycle lifecycle_;
  StopSequence stop_;
  StandstillGuard standstill_;
  Saturation saturation_;
  bool accepting_ = false;
};

}  // namespace prefork
