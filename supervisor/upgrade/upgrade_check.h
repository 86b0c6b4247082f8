// Examines a new program before it takes over: starts it as a child that gets a copy of the state and nothing
// else, and waits for its answer whether it can go on from there. One child at a time, without blocking.
// Upgrader uses it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class UpgradeCheck {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(10);
  /// The descriptor of the state in the child.
  static constexpr int kStateDescriptor = 3;
  /// The start of the child's last line if it can take over; its version follows.
  static constexpr std::string_view kYes = "adopts the state: ";

  class Owner {
   public:
    virtual ~Owner() = default;
    /// The program can take over. `version` as it prints it.
    virtual void upgrade_proven(const std::string& version) = 0;
    /// The program cannot take over, and why.
    virtual void upgrade_refused(const std::string& why) = 0;
  };

  UpgradeCheck(const Loop& loop, Owner& owner);
  /// Kills a child that still runs. The owner is not told.
  ~UpgradeCheck();
  UpgradeCheck(const UpgradeCheck&) = delete;
  UpgradeCheck& operator=(const UpgradeCheck&) = delete;

  /// Runs `program --adopt-check 3` with `state` as descriptor 3. The owner gets the outcome later, unless
  /// this returns an error. Not while one is running().
  [[nodiscard]] Result<void> start(const std::string& program, const Fd& state);
  [[nodiscard]] bool running() const { return pid_ != 0; }
  /// The child, which only this class may reap; 0: none.
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  static constexpr std::size_t kMaxAnswer = 4096;
  /// How often the child is looked at where there is no pidfd.
  static constexpr Duration kLook = std::chrono::milliseconds(20);

  void on_answer();
  void on_exit();
  void look_for_exit();
  void on_deadline();
  enum class Got { kSome, kNothing, kEnd };
  [[nodiscard]] Got read_answer();
  [[nodiscard]] std::string last_line() const;
  [[nodiscard]] std::string judge(int status) const;
  void end_child() const;

  Owner& owner_;
  pid_t pid_ = 0;
  bool late_ = false;  ///< the child was killed because it did not answer in time
  std::string answer_;
  Fd output_;
  Fd pidfd_;
  ReadWatcher answer_watcher_;
  ReadWatcher exit_watcher_;
  TimerWatcher look_timer_;  ///< in place of exit_watcher_, where the rules of a container deny pidfd_open(2)
  TimerWatcher deadline_;
};

}  // namespace prefork
