// Workers: how many there are, when one is started, drained, signalled and replaced. Connections are the
// Dispatcher's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "supervisor/core/action.h"
#include "supervisor/core/counters.h"
#include "supervisor/core/dispatcher.h"
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

  /// The settings have changed. With `replace`, present workers are of an old generation from now on.
  void configure(bool replace, Instant now);
  void resize(std::size_t workers);

  std::optional<Violation> ready(WorkerRow& row, const event::WorkerReady& event, Instant now, Actions& out);
  /// The worker may have given its last connection back.
  void emptied(WorkerRow& row, Instant now);
  /// The worker has finished a connection.
  void served(WorkerRow& row, Instant now, Actions& out);
  /// The worker gets nothing new for a while.
  void rest(WorkerRow& row, Instant until);
  void exited(WorkerRow& row, const Exit& exit, const Dispatcher::Held& held, Instant now, Actions& out);

  /// The worker's channel has ended. Usually its death follows in a moment and speaks for itself; one that
  /// lives on is terminated.
  void await_death(WorkerRow& row, Instant now);
  /// SIGTERM, and SIGKILL after kill_timeout.
  void terminate(WorkerRow& row, StopReason reason, Instant now, Actions& out);
  void kill(WorkerRow& row, StopReason reason, Instant now, Actions& out);

  /// Nothing is started any more.
  void stop_starting() { stopping_ = true; }
  void drain_all(Instant now, Actions& out);
  void terminate_all(Instant now, Actions& out);
  void kill_all(Instant now, Actions& out);

  /// Takes the next step of what is overdue.
  void deadline_passed(Instant now, Actions& out);
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  /// Starts and drains until the number of workers is what it shall be. Cheap when nothing has changed.
  void settle(Instant now, Actions& out);

  [[nodiscard]] std::size_t target() const { return target_; }
  [[nodiscard]] Generation generation() const { return generation_; }
  [[nodiscard]] std::uint32_t failures() const { return policy_.failures(); }
  /// Workers that are missing and will be started.
  [[nodiscard]] std::size_t scheduled() const;
  /// Somebody serves, or will.
  [[nodiscard]] bool any_live() const;
  /// A worker was killed, or signalled while busy, since stop_starting().
  [[nodiscard]] bool cut_short() const { return cut_short_; }
  [[nodiscard]] const char* broken_invariant() const;

 private:
  struct Census {
    std::size_t live = 0;      ///< of the present generation
    std::size_t ready = 0;     ///< of those
    std::size_t starting = 0;  ///< of those, template included
    std::size_t ending = 0;    ///< of the present generation, ended by us for a failure and not reaped yet
    std::size_t old = 0;       ///< live, of older generations
    WorkerId fork_template;    ///< live template of the present generation
    bool template_ready = false;
    bool template_ending = false;
  };
  [[nodiscard]] Census census() const;
  static void count_template(const WorkerRow& row, bool ending, Census& census);
  [[nodiscard]] static bool goes_first(const WorkerRow& a, const WorkerRow& b);

  void drain(WorkerRow& row, StopReason reason, Instant now, Actions& out);
  void start(WorkerRole role, WorkerId from, Instant now, Actions& out);
  void start_missing(Census& census, Instant now, Actions& out);
  /// Asked only when one is missing: remembers when to try again.
  bool may_start(const Census& census, Instant now);
  void remove_surplus(const Census& census, Instant now, Actions& out);
  void drain_some(std::size_t count, bool old_ones, StopReason reason, Instant now, Actions& out);
  void drain_old_templates(Instant now, Actions& out);
  void judge(const DeathRecord& record, const WorkerRow& row, Instant now, Actions& out);
  void proven(Actions& out);

  const PoolSettings& settings_;
  WorkerTable& workers_;
  Counters& counters_;
  RestartPolicy policy_;
  std::size_t target_;
  Generation generation_ = 1;
  std::vector<Lineage> vacant_;       ///< of workers that died and have not been replaced
  std::optional<Instant> start_due_;  ///< when somebody is missing and the policy makes him wait
  bool stopping_ = false;
  bool changed_ = true;  ///< settle() has something to look at
  bool cut_short_ = false;
};

}  // namespace prefork
