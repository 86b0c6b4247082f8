// The workers of a pool: how many there are, and when one is started, drained, signalled and replaced. Starts
// and stops follow from the target size (lifecycle_size.cc), from events and from deadlines. When a new
// generation takes over is Rollout's part, recycling and pings are Upkeep's, and delays after failures are
// RestartPolicy's. Connections are the Dispatcher's.
//
// More than 15 functions and 120 lines: Pool needs one function for each event of a worker and one for each
// way to end a worker. What is left here all changes the status of rows and the same number of workers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "supervisor/core/action.h"
#include "supervisor/core/census.h"
#include "supervisor/core/counters.h"
#include "supervisor/core/dispatcher.h"
#include "supervisor/core/elastic_size.h"
#include "supervisor/core/event.h"
#include "supervisor/core/restart_policy.h"
#include "supervisor/core/rollout.h"
#include "supervisor/core/settings.h"
#include "supervisor/core/upkeep.h"
#include "supervisor/core/worker_table.h"

namespace prefork {

class Lifecycle {
 public:
  using What = Violation::What;
  using Workers = event::SettingsChanged::Workers;
  /// How long the death of a worker is awaited after its channel has ended. Of many deaths one has to wait.
  static constexpr Duration kDeathFollows = std::chrono::milliseconds(500);
  /// How many workers are started at once, and when the next ones follow: other pools are served meanwhile.
  static constexpr std::size_t kStartsAtOnce = 32;
  static constexpr Duration kBetweenStarts = std::chrono::milliseconds(5);

  Lifecycle(const PoolSettings& settings, WorkerTable& workers, const ConnectionTable& connections,
            Counters& counters, std::uint32_t seed, Instant now);

  /// The settings have changed.
  void configure(Workers workers, Instant now, Actions& out);
  void resize(std::size_t workers, Instant now);
  /// The operator says that the cause of failing starts is mended.
  void forget_failures(Instant now);

  /// The worker's template has forked it.
  void introduced(WorkerRow& row, Instant now);
  std::optional<What> ready(WorkerRow& row, const event::WorkerReady& event, Instant now, Actions& out);
  /// The worker holds one connection less, perhaps none.
  void released(WorkerRow& row, Instant now);
  /// The worker has finished a connection.
  void served(WorkerRow& row, Instant now, Actions& out);
  /// The worker takes nothing more, by its own decision, and holds only what it has begun.
  void leave(WorkerRow& row, Instant now, Actions& out);
  /// The worker has sent Progress for a connection.
  void progressed(const WorkerRow& row);
  void ponged(WorkerRow& row, Instant now);
  void stopped(WorkerRow& row, bool stopped);
  void measured(WorkerRow& row, std::uint64_t rss);
  /// The worker gets no connections until then.
  void pause(WorkerRow& row, Instant until);
  void exited(WorkerRow& row, const event::WorkerExited& event, const Dispatcher::Held& held, Instant now,
              Actions& out);

  /// The worker's channel has ended. Usually the worker's death follows within a moment and tells the reason;
  /// a worker that lives on is terminated.
  void await_death(WorkerRow& row, Instant now);
  void kill(WorkerRow& row, StopReason reason, Instant now, Actions& out);
  /// The worker is stuck: it gets stuck_signal, and SIGKILL after kill_timeout.
  void end_stuck(WorkerRow& row, StopReason reason, Instant now, Actions& out);

  /// From now on no worker is started.
  void stop_starting() { stopping_ = true; }
  /// Drains the live workers that `leaves` names, because the pool is being stopped.
  void drain_for_stop(const std::function<bool(const WorkerRow&)>& leaves, Instant now, Actions& out);
  void terminate_all(Instant now, Actions& out);
  void kill_all(Instant now, Actions& out);

  /// Takes the next step for everything that is overdue.
  void deadline_passed(Instant now, Actions& out);
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  struct Demand {
    std::size_t queued = 0;  ///< connections that wait for a worker
    bool running = true;     ///< false: the pool is being stopped, and workers are started for these only
  };
  /// Starts and drains workers until their number is the target. Cheap when nothing has changed.
  void settle(const Demand& demand, Instant now, Actions& out);

  /// The number of workers that the pool shall have.
  [[nodiscard]] std::size_t target() const { return target_; }
  /// The largest number of workers; more than target() when the number follows the load.
  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] const Rollout& rollout() const { return rollout_; }
  [[nodiscard]] std::uint32_t failures() const { return policy_.failures(); }
  /// Workers that are missing and will be started.
  [[nodiscard]] std::size_t scheduled() const;
  /// A worker is ready or starting.
  [[nodiscard]] bool any_live() const;
  /// A worker of the generation that serves is ready, or none is wanted.
  [[nodiscard]] bool serves() const { return target_ == 0 || counted().ready > 0; }
  /// settle() has nothing to do before the next event of a worker, the next change or the next deadline.
  [[nodiscard]] bool settled() const { return !changed_; }
  /// Workers that were sent SIGKILL since stop_starting(), templates included.
  [[nodiscard]] std::uint64_t killed_at_stop() const { return killed_at_stop_; }
  [[nodiscard]] const char* broken_invariant() const;

  /// Before and after visit_state() reads a state.
  void before_restore() { rollout_.before_restore(); }
  void restored() { rollout_.restored(serves()); }
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("policy", self.policy_), visit("elastic", self.elastic_);
    // The members of the parts stand beside Lifecycle's own, where earlier versions have them.
    Rollout::visit_state(self.rollout_, visit);
    Upkeep::visit_state(self.upkeep_, visit);
    visit("limit", self.limit_), visit("target", self.target_), visit("missing", self.missing_);
    visit("vacant", self.vacancies_), visit("start_due", self.start_due_);
    visit("stopping", self.stopping_), visit("changed", self.changed_);
    visit("all_ready", self.all_ready_);
    visit("killed_at_stop", self.killed_at_stop_);
  }

 private:
  [[nodiscard]] Census census() const {
    return {workers_, rollout_.generation(), rollout_.trial(), max_replaced()};
  }
  /// The census, counted anew only when something has changed.
  [[nodiscard]] const Census& counted() const;
  /// Something has changed that the census counts, or that settle() acts on.
  void note_change();
  /// How many workers that hang in the kernel, and how many that are stopped, have others in their places.
  [[nodiscard]] std::size_t max_replaced() const { return std::max<std::size_t>(1, limit_ / 4); }
  [[nodiscard]] static bool leaves_first(const WorkerRow& a, const WorkerRow& b);

  void follow_load(std::size_t queued, Instant now, Actions& out);
  void replace_all(Instant now, Actions& out);
  void run_trial(Instant now, Actions& out);
  void pass_trial(Instant now, Actions& out);
  /// Ends the worker on trial if it has failed. Its death then ends the trial.
  void fail_trial(Instant now, Actions& out);
  /// Ends the trial, if one runs, and the workers that it has started.
  void end_trial(Instant now, Actions& out);
  /// The same before there is a verdict, which is reported.
  void abandon_trial(Instant now, Actions& out);
  /// Ends the workers of generations before `oldest`, except those that serve.
  void end_older(std::optional<Generation> oldest, Instant now, Actions& out);
  void check_some(Instant now, Actions& out);
  void drain(WorkerRow& row, StopReason reason, Instant now, Actions& out);
  /// SIGTERM, and SIGKILL after kill_timeout.
  void terminate(WorkerRow& row, StopReason reason, Instant now, Actions& out);
  void end(WorkerRow& row, StopReason reason, action::SignalWorker::Signal signal, Instant now, Actions& out);
  void end_drain(WorkerRow& row, Instant now, Actions& out);
  void end_harder(WorkerRow& row, Instant now, Actions& out);
  WorkerId start(WorkerRole role, WorkerId from, Generation generation, Instant now, Actions& out);
  /// The worker has not said Ready in time. If its template has not forked it either, the template may hang.
  void give_up_start(WorkerRow& row, Instant now, Actions& out);
  /// How many live workers there shall be now; others of target_ are not started.
  [[nodiscard]] std::size_t wanted_for(const Demand& demand, std::size_t live) const;
  void start_missing(Census& census, std::size_t wanted, Instant now, Actions& out);
  /// Called only when a worker is missing: remembers when to try again.
  bool may_start(const Census& census, Instant now);
  /// Returns what is left.
  [[nodiscard]] Census remove_surplus(Instant now, Actions& out);
  void drain_some(std::size_t count, bool old_ones, Instant now, Actions& out);
  void drain_old_templates(Instant now, Actions& out);
  [[nodiscard]] StopReason reason_of_end(const WorkerRow& row, const Exit& exit,
                                         const Dispatcher::Held& held) const;
  void record_failure(const DeathRecord& record, const WorkerRow& row, Instant now, Actions& out);
  void starts_are_proven(Actions& out);

  const PoolSettings& settings_;
  WorkerTable& workers_;
  Counters& counters_;
  RestartPolicy policy_;
  ElasticSize elastic_;
  Rollout rollout_;
  Upkeep upkeep_;
  std::size_t limit_;
  std::size_t target_;
  std::size_t missing_ = 0;             ///< of the target, not started yet
  std::vector<Lineage> vacancies_;      ///< of workers that died and have not been replaced
  std::optional<Instant> start_due_;    ///< when to start a missing worker that could not be started yet
  std::optional<Instant> next_starts_;  ///< many were started just now; the next ones follow at this deadline
  bool stopping_ = false;
  bool changed_ = true;                    ///< settle() has something to do
  mutable std::optional<Census> counted_;  ///< none: something has changed since
  bool all_ready_ = false;                 ///< see action::ReportAllReady
  std::uint64_t killed_at_stop_ = 0;
};

}  // namespace prefork
