// Decides; does nothing. Time comes in as `now`, effects go out as actions.
//
// One Pool is one queue of connections and the workers that serve it. Promises, checked by the random tests
// after every event: each connection is in exactly one place; no worker has more than its slots; only ready
// workers are given anything; a connection is begun once; live workers and scheduled starts add up to the
// target until the pool is stopped; the pool accepts exactly while it has room; ids only grow; no action
// names what is gone.
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
#include "supervisor/core/worker_table.h"

namespace prefork {

class Pool {
 public:
  enum class Phase {
    kRunning,
    kFinishing,  ///< stopping: accepts nothing, hands out what is queued
    kLeaving,    ///< stopping: workers finish what they have
    kStopped,
  };

  /// How long a stop waits for connections that may be parked, and then ask once more, before workers are
  /// told to leave; at most half of stop_timeout.
  static constexpr Duration kParkAtStop = std::chrono::seconds(1);
  /// A deadline that is noticed so late says nothing of workers and clients: the machine or the supervisor
  /// stood still.
  static constexpr Duration kStandstill = std::chrono::seconds(1);
  /// How long after a standstill everybody has to catch up.
  static constexpr Duration kGrace = std::chrono::seconds(1);

  /// `seed` decides the random part of delays. The first actions come with the first event; send a
  /// DeadlinePassed.
  Pool(const PoolSettings& settings, std::uint32_t seed, Instant now);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Appends to `out`. Never fails and never blocks, whatever a worker's record says.
  void handle(const Event& event, Instant now, Actions& out);
  /// When to send the next DeadlinePassed; nothing while no deadline runs.
  [[nodiscard]] std::optional<Instant> next_deadline();

  [[nodiscard]] Phase phase() const { return phase_; }
  /// After a standstill: deadlines do not count yet.
  [[nodiscard]] bool catching_up() const { return grace_until_.has_value(); }
  [[nodiscard]] bool accepting() const { return accepting_; }
  /// Somebody waits for a worker, or has until a moment ago.
  [[nodiscard]] bool saturated() const { return phase_ != Phase::kStopped && saturation_.saturated(); }
  [[nodiscard]] const PoolSettings& settings() const { return settings_; }
  [[nodiscard]] const WorkerTable& workers() const { return workers_; }
  [[nodiscard]] const ConnectionTable& connections() const { return dispatcher_.connections(); }
  [[nodiscard]] const Lifecycle& lifecycle() const { return lifecycle_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }

  /// Which of the promises is broken; null when none is. Looks at everything: for tests and checking builds.
  [[nodiscard]] const char* broken_invariant() const;

  /// Everything but the settings, at a moment when handle() is not running.
  [[nodiscard]] Snapshot snapshot() const;
  /// Into a new pool of the same settings, which goes on where the other was. What is wrong, or empty.
  [[nodiscard]] std::string restore(const Snapshot& snapshot);
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("counters", self.counters_), visit("workers", self.workers_);
    visit("dispatcher", self.dispatcher_), visit("lifecycle", self.lifecycle_);
    visit("phase", self.phase_), visit("saturation", self.saturation_);
    visit("accepting", self.accepting_), visit("stop_deadline", self.stop_deadline_);
    visit("stopping_quickly", self.stopping_quickly_);
    visit("grace_until", self.grace_until_), visit("settings_since", self.settings_since_);
    visit("judged_at", self.judged_at_), visit("park_until", self.park_until_);
    visit("unserved_before_stop", self.unserved_before_stop_);
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
  void on(const event::WorkerProgress& event, Instant now, Actions& out);
  void on(const event::WorkerPong& event, Instant now, Actions& out);
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

  /// What a record of kind Busy, Idle, Refused or Progress is answered with when it does not fit.
  void violated(WorkerRow& row, action::ReportViolation::What what, std::uint64_t value, Instant now,
                Actions& out);
  /// The row of a worker whose records count; null otherwise, after saying so where it is a violation.
  WorkerRow* speaker(WorkerId worker, Ticket ticket, Instant now, Actions& out);
  void settle(Instant now, Actions& out);
  /// When the next deadline was due, or is.
  [[nodiscard]] std::optional<Instant> earliest_deadline();
  [[nodiscard]] bool too_late_to_judge(Instant now);
  /// In kFinishing: goes on to kLeaving when everything queued is in a worker's hands, or nobody will ever
  /// take it.
  void finish(Instant now, Actions& out);
  void leave();
  void settle_stop(Instant now, Actions& out);

  PoolSettings settings_;
  Counters counters_;
  WorkerTable workers_;
  Dispatcher dispatcher_;
  Lifecycle lifecycle_;
  Phase phase_ = Phase::kRunning;
  Saturation saturation_;
  bool accepting_ = false;
  std::optional<Instant> stop_deadline_;
  std::optional<Instant> park_until_;   ///< in kFinishing: workers are not told to leave before, but may park
  Instant settings_since_;              ///< new settings may put a deadline into the past
  Instant judged_at_;                   ///< what was due then and is so still was too much at once
  std::optional<Instant> grace_until_;  ///< nobody is judged before: the machine, or we, stood still
  bool stopping_quickly_ = false;
  std::uint64_t unserved_before_stop_ = 0;
};

}  // namespace prefork
