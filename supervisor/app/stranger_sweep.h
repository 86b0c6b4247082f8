// Reaps strangers: processes that a worker has left behind, which become children of the supervisor when the
// worker dies. It never reaps a child that the owner knows, or may yet learn to know.
//
// A worker decides how many processes it leaves behind, so a sweep has a share of the loop's time and no
// more: it goes through the list of the children over several turns. It begins anew as long as dead children
// are left.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "supervisor/core/ids.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/loop/time_share.h"
#include "supervisor/system/child_list.h"

namespace prefork {

class StrangerSweep {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// Handles what has come that names children: answers of the spawner, introductions of forked workers.
    virtual void hear_of_children() = 0;
    /// While the spawner owes answers, a child may exist that only the next one will name. This is the number
    /// of that answer; nothing when none is owed.
    [[nodiscard]] virtual std::optional<std::uint64_t> awaited_answer() const = 0;
    /// This child is reaped elsewhere.
    [[nodiscard]] virtual bool knows_child(pid_t pid) const = 0;
  };

  StrangerSweep(const Loop& loop, Log& log, Owner& owner)
      : loop_(loop), log_(log), owner_(owner), timer_(loop) {}

  /// How long a sweep waits after a SIGCHLD: most deaths are of known children.
  static constexpr Duration kDelay = std::chrono::seconds(1);

  /// A child has died: begins a sweep after kDelay, unless one is due or under way. After a sweep that found
  /// many strangers the next one follows soon, and the delay grows to kDelay again.
  void begin();
  [[nodiscard]] std::uint64_t reaped() const { return reaped_; }
  /// Goes on counting, after an upgrade in place.
  void count_from(std::uint64_t reaped) { reaped_ = swept_before_ = reaped; }

 private:
  /// Until the next look when all that is dead is reaped elsewhere, or may be.
  static constexpr Duration kRetry = std::chrono::milliseconds(10);
  static constexpr int kAtOnce = 32;
  static constexpr std::uint64_t kMany = 64;

  enum class Step {
    kMore,   ///< there is more to do
    kWaits,  ///< what is dead may be reaped elsewhere
    kClean,  ///< no child is dead
  };

  void run_in(Duration delay);
  void run();
  void plan_next();
  Step step();
  Step begin_pass();
  Step end_pass();
  void examine_some();
  bool may_be_named(pid_t pid, std::optional<std::uint64_t> awaited);
  void reap(pid_t pid);

  const Loop& loop_;
  Log& log_;
  Owner& owner_;
  ChildList children_;
  bool passing_ = false;  ///< in the middle of the list
  Duration delay_ = kDelay;
  std::uint64_t swept_before_ = 0;           ///< reaped_ when the last sweep ended
  std::uint64_t reaped_before_ = 0;          ///< reaped_ at the beginning of the pass
  std::vector<pid_t> pids_;                  ///< of the list, not examined yet
  std::map<pid_t, std::uint64_t> suspects_;  ///< dead, with the number of the answer that may name them
  std::uint64_t reaped_ = 0;
  TimeShare share_{5};
  TimerWatcher timer_;
};

}  // namespace prefork
