// Workers: how many there are, when one is started, drained, signalled and replaced. Connections are the
// Dispatcher's business.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "supervisor/core/action.h"
#include "supervisor/core/census.h"
#include "supervisor/core/counters.h"
#include "supervisor/core/dispatcher.h"
#include "supervisor/core/elastic_size.h"
#include "supervisor/core/restart_policy.h"
#include "supervisor/core/settings.h"
#include "supervisor/core/worker_table.h"

namespace prefork {

class Lifecycle {
 public:
  using Violation = action::ReportViolation::What;
  static constexpr Duration kDeathFollows = std::chrono::milliseconds(100);

  Lifecycle(const PoolSettings& settings, WorkerTable& workers, Counters& counters, std::uint32_t seed,
            Instant now);

  /// The settings have changed. With `replace`, a new generation shall take the place of the present one: the
  /// first of its workers on trial, if the present one serves, and the others when it has stood that.
  void configure(bool replace, Instant now, Actions& out);
  void resize(std::size_t workers, Instant now);
  /// What made starting fail is mended, or so the operator says.
  void forget_failures(Instant now);

  /// Its template has forked it.
  void introduced(WorkerRow& row, Instant now);
  std::optional<Violation> ready(WorkerRow& row, const event::WorkerReady& event, Instant now, Actions& out);
  /// The worker may have given its last connection back.
  void emptied(WorkerRow& row, Instant now);
  /// The worker has finished a connection.
  void served(WorkerRow& row, Instant now, Actions& out);
  void ponged(WorkerRow& row, Instant now);
  void stopped(WorkerRow& row, bool stopped);
  void measured(WorkerRow& row, std::uint64_t rss);
  /// The worker gets nothing new for a while.
  void rest(WorkerRow& row, Instant until);
  void exited(WorkerRow& row, const Exit& exit, const Dispatcher::Held& held, Instant now, Actions& out);

  /// The worker's channel has ended. Usually its death follows in a moment and speaks for itself; one that
  /// lives on is terminated.
  void await_death(WorkerRow& row, Instant now);
  /// SIGTERM, and SIGKILL after kill_timeout.
  void terminate(WorkerRow& row, StopReason reason, Instant now, Actions& out);
  void kill(WorkerRow& row, StopReason reason, Instant now, Actions& out);
  /// It hangs: stuck_signal, and SIGKILL after kill_timeout.
  void end_stuck(WorkerRow& row, StopReason reason, Instant now, Actions& out);

  /// Nothing is started any more.
  void stop_starting() { stopping_ = true; }
  void drain_all(Instant now, Actions& out);
  void terminate_all(Instant now, Actions& out);
  void kill_all(Instant now, Actions& out);

  /// Takes the next step of what is overdue.
  void deadline_passed(Instant now, Actions& out);
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  /// Starts and drains until the number of workers is what it shall be, with so many connections waiting.
  /// Cheap when nothing has changed.
  void settle(std::size_t queued, Instant now, Actions& out);

  [[nodiscard]] std::size_t target() const { return target_; }
  /// The most workers there may be; more than target() when the number follows the load.
  [[nodiscard]] std::size_t limit() const { return limit_; }
  /// The generation on trial; nothing while there is none.
  [[nodiscard]] std::optional<Generation> trial() const {
    return trial_ ? std::optional(trial_->generation) : std::nullopt;
  }
  [[nodiscard]] Generation generation() const { return generation_; }
  /// What the next one will be, when something is replaced.
  [[nodiscard]] Generation next_generation() const { return last_generation_ + 1; }
  [[nodiscard]] std::uint32_t failures() const { return policy_.failures(); }
  /// Workers that are missing and will be started.
  [[nodiscard]] std::size_t scheduled() const;
  /// Somebody serves, or will.
  [[nodiscard]] bool any_live() const;
  /// A worker was killed, or signalled while busy, since stop_starting().
  [[nodiscard]] bool cut_short() const { return cut_short_; }
  [[nodiscard]] const char* broken_invariant() const;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("policy", self.policy_), visit("elastic", self.elastic_), visit("jitter", self.jitter_);
    visit("limit", self.limit_), visit("target", self.target_), visit("missing", self.missing_);
    visit("generation", self.generation_), visit("last_generation", self.last_generation_);
    visit("start", self.start_), visit("trial", self.trial_), visit("trial_due", self.trial_due_);
    visit("upkeep_due", self.upkeep_due_), visit("generations", self.generations_);
    visit("past", self.past_);
    visit("vacant", self.vacant_), visit("start_due", self.start_due_);
    visit("stopping", self.stopping_), visit("changed", self.changed_);
    visit("cut_short", self.cut_short_);
  }

 private:
  [[nodiscard]] Census census() const { return {workers_, generation_, trial(), max_stuck()}; }
  [[nodiscard]] static bool goes_first(const WorkerRow& a, const WorkerRow& b);

  /// A generation of which one worker must prove itself before it takes over.
  struct Trial {
    Generation generation = 0;
    StartForm start = StartForm::kExec;
    WorkerId worker;  ///< none: not started yet

    template <typename Self, typename Visit>
    static void visit_state(Self& self, Visit&& visit) {
      visit("generation", self.generation), visit("start", self.start), visit("worker", self.worker);
    }
  };
  [[nodiscard]] bool present(const WorkerRow& row) const { return row.present(generation_); }
  [[nodiscard]] bool on_trial(const WorkerRow& row) const { return row.on_trial(trial()); }
  /// How many workers are replaced that hang in the kernel, and how many that are stopped.
  [[nodiscard]] std::size_t max_stuck() const { return std::max<std::size_t>(1, limit_ / 4); }
  void follow_load(std::size_t queued, Instant now, Actions& out);
  void replace_all(Instant now, Actions& out);
  void run_trial(Instant now, Actions& out);
  [[nodiscard]] bool trial_passed(Instant now);
  void take_over(Instant now, Actions& out);
  void end_trial(Instant now, Actions& out);
  /// `next` is the present generation from now on.
  void succeed(Generation next, StartForm start, Instant now, Actions& out);
  void end_oldest(Instant now, Actions& out);
  void forget_generations(Actions& out);
  /// When it shall be recycled, by the settings as they are now.
  void plan_recycling(WorkerRow& row);
  void retire_due();
  void look_after_all(Instant now, Actions& out);
  void look_after(WorkerRow& row, Instant now, Actions& out);
  [[nodiscard]] std::optional<Duration> upkeep_interval() const;
  void drain(WorkerRow& row, StopReason reason, Instant now, Actions& out);
  void end(WorkerRow& row, StopReason reason, action::SignalWorker::Signal signal, Instant now, Actions& out);
  WorkerId start(WorkerRole role, WorkerId from, Generation generation, Instant now, Actions& out);
  /// It has not said Ready in time. When nobody has heard of it at all, it may be its template that hangs.
  void give_up_start(WorkerRow& row, Instant now, Actions& out);
  void start_missing(Census& census, Instant now, Actions& out);
  /// Asked only when one is missing: remembers when to try again.
  bool may_start(const Census& census, Instant now);
  void remove_surplus(Census census, Instant now, Actions& out);
  void drain_some(std::size_t count, bool old_ones, Instant now, Actions& out);
  void drain_old_templates(Instant now, Actions& out);
  void judge(const DeathRecord& record, const WorkerRow& row, Instant now, Actions& out);
  void proven(Actions& out);

  const PoolSettings& settings_;
  WorkerTable& workers_;
  Counters& counters_;
  RestartPolicy policy_;
  ElasticSize elastic_;
  std::minstd_rand jitter_;
  std::size_t limit_;
  std::size_t target_;
  std::size_t missing_ = 0;  ///< of the target, not started yet
  Generation generation_ = 1;
  Generation last_generation_ = 1;
  StartForm start_;  ///< of the present generation
  std::optional<Trial> trial_;
  std::optional<Instant> trial_due_;           ///< when the one on trial may have passed
  std::optional<Instant> upkeep_due_;          ///< when to look after all workers
  std::vector<Generation> generations_ = {1};  ///< not forgotten yet, in order
  std::vector<Generation> past_;               ///< the last ones that the present one has replaced, in order
  std::vector<Lineage> vacant_;                ///< of workers that died and have not been replaced
  std::optional<Instant> start_due_;           ///< when somebody is missing and the policy makes him wait
  bool stopping_ = false;
  bool changed_ = true;  ///< settle() has something to look at
  bool cut_short_ = false;
};

}  // namespace prefork
