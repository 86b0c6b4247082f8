// Which generation of workers serves, which one is on trial, and when it takes over. A new generation is
// tried with one worker; when that worker has stood its probation, its generation becomes the pool's. Starts
// and ends no worker: Lifecycle asks what is needed and does it.
#pragma once

#include <optional>
#include <vector>

#include "supervisor/core/action.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/probation.h"
#include "supervisor/core/rollout_verdict.h"
#include "supervisor/core/settings.h"
#include "supervisor/core/worker_table.h"

namespace prefork {

class Rollout {
 public:
  using Stage = action::ReportRollout::Stage;
  /// Workers of older generations are ended even while they are busy.
  static constexpr std::size_t kOldGenerations = 2;

  /// `settings` decides how the first generation is started, `probation` about trials.
  Rollout(const PoolSettings& settings, const WorkerTable& workers, const Probation& probation)
      : settings_(settings), workers_(workers), probation_(probation), start_(settings.start) {}

  /// The generation that serves.
  [[nodiscard]] Generation generation() const { return generation_; }
  /// How the workers of the generation that serves are started.
  [[nodiscard]] StartForm start() const { return start_; }
  /// The generation on trial; nothing when there is none.
  [[nodiscard]] std::optional<Generation> trial() const;
  /// The number of the next generation.
  [[nodiscard]] Generation next_generation() const { return last_generation_ + 1; }
  /// Of the generation that serves, and not being replaced.
  [[nodiscard]] bool serves(const WorkerRow& row) const { return row.serves(generation_); }
  [[nodiscard]] bool on_trial(const WorkerRow& row) const { return row.on_trial(trial()); }

  /// Begins a new generation from the present settings, with a trial or without. No other trial may run. A
  /// returned generation is the oldest that may still finish its work: end all workers of older ones.
  [[nodiscard]] std::optional<Generation> begin(bool with_trial, Actions& out);
  /// The generation on trial takes over. Returns the same as begin().
  [[nodiscard]] std::optional<Generation> take_over(Actions& out);
  /// Ends the trial. Returns the generation that was on trial, if there was one: its workers must leave.
  std::optional<Generation> end_trial();

  /// Reports and counts what has become of a generation. `death`: of the worker that failed.
  void report(Stage stage, Generation generation, const std::optional<DeathRecord>& death, Actions& out);
  [[nodiscard]] const RolloutCounts& counts() const { return counts_; }

  /// The worker on trial; none: not started yet, or no trial runs.
  [[nodiscard]] WorkerId candidate() const { return trial_ ? trial_->worker : WorkerId{}; }
  /// What is known of the worker on trial now. Remembers when to ask again.
  [[nodiscard]] Trial judge(Instant now);
  /// Whether a worker on trial that leaves by itself has served what the probation wants.
  [[nodiscard]] bool served_enough(const WorkerRow& row) const { return probation_.served_enough(row); }
  /// What the trial needs to be started next; nothing when it only needs time.
  struct Missing {
    WorkerRole role = WorkerRole::kWorker;
    WorkerId from;  ///< the template to fork it from
  };
  [[nodiscard]] std::optional<Missing> missing() const;
  /// This worker was started for the trial.
  void started(WorkerId worker) { trial_->worker = worker; }
  // A generation that has begun without a trial is of use when one of its workers is: see RestartPolicy.
  /// A worker of the generation that serves is ready; at `proof_due` it is of use, if none fails before.
  void ready(Instant proof_due);
  /// It has served, or no worker is wanted.
  void proven(Actions& out);
  /// A worker of the generation that serves died before it was of use.
  void not_started(const DeathRecord& death, Actions& out);
  [[nodiscard]] bool proof_is_due(Instant now) const { return proof_due_ && *proof_due_ <= now; }

  /// When judge() or proof_is_due() may change by time alone.
  [[nodiscard]] std::optional<Instant> next_deadline() const {
    return !trial_due_ || (proof_due_ && *proof_due_ < *trial_due_) ? proof_due_ : trial_due_;
  }

  /// Reports the generations of which no worker is left and none will be started.
  void forget_unused(Actions& out);

  /// A state will be read, perhaps one of an earlier version, which does not note everything.
  void before_restore() { debut_ = Debut::kNotNoted; }
  /// It was read. `serves`, see Lifecycle, is the proof where an earlier version has noted none.
  void restored(bool serves);
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("generation", self.generation_), visit("last_generation", self.last_generation_);
    visit("start", self.start_), visit("trial", self.trial_), visit("trial_due", self.trial_due_);
    visit("generations", self.generations_), visit("past", self.past_);
    visit("debut", self.debut_), visit("debut_due", self.proof_due_);
    visit("rollouts", self.counts_);
  }

 private:
  struct Candidate {
    Generation generation = 0;
    StartForm start = StartForm::kExec;
    WorkerId worker;  ///< none: not started yet

    template <typename Self, typename Visit>
    static void visit_state(Self& self, Visit&& visit) {
      visit("generation", self.generation), visit("start", self.start), visit("worker", self.worker);
    }
  };
  /// Of generation_.
  enum class Debut {
    kOver,      ///< it has stood its trial, or a worker of it has been of use
    kUntried,   ///< it has begun without a trial
    kFails,     ///< and its workers die before they are of use
    kNotNoted,  ///< between before_restore() and restored()
  };
  std::optional<Generation> succeed(Generation next, StartForm start);

  const PoolSettings& settings_;
  const WorkerTable& workers_;
  Probation probation_;
  Generation generation_ = 1;
  Generation last_generation_ = 1;
  StartForm start_;  ///< of generation_
  std::optional<Candidate> trial_;
  std::optional<Instant> trial_due_;  ///< when to judge the worker on trial again
  Debut debut_ = Debut::kUntried;
  RolloutCounts counts_;
  std::optional<Instant> proof_due_;           ///< when the worker that is ready has been so for long enough
  std::vector<Generation> generations_ = {1};  ///< not forgotten yet, in order
  std::vector<Generation> past_;               ///< the last ones that served before generation_, in order
};

}  // namespace prefork
