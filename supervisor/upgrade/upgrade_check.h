// Proves a new program before anything is entrusted to it: starts it as a child that gets a copy of the state
// and nothing else, and waits for its word that it could go on from there. One at a time, without blocking.
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
  /// The number under which the child finds the state.
  static constexpr int kStateDescriptor = 3;
  /// How the child's last line begins when it could take over; its version follows.
  static constexpr std::string_view kYes = "adopts the state: ";

  class Owner {
   public:
    virtual ~Owner() = default;
    /// The program could take over; `version` in its own words.
    virtual void upgrade_proven(const std::string& version) = 0;
    /// It could not, and why.
    virtual void upgrade_refused(const std::string& why) = 0;
  };

  UpgradeCheck(const Loop& loop, Owner& owner);
  /// Ends a check that is under way, unheard.
  ~UpgradeCheck();
  UpgradeCheck(const UpgradeCheck&) = delete;
  UpgradeCheck& operator=(const UpgradeCheck&) = delete;

  /// Runs `program --adopt-check 3` with `state` as descriptor 3. The owner hears the outcome later, unless
  /// starting it fails at once. Not while one is running().
  [[nodiscard]] Result<void> start(const std::string& program, const Fd& state);
  [[nodiscard]] bool running() const { return pid_ != 0; }
  /// A child of ours that nobody else may reap; 0: none.
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  static constexpr std::size_t kMaxAnswer = 4096;

  void on_answer();
  void on_exit();
  void on_deadline();
  enum class Got { kSome, kNothing, kEnd };
  [[nodiscard]] Got read_answer();
  [[nodiscard]] std::string last_line() const;
  [[nodiscard]] std::string judge(int status) const;
  void end_child() const;

  Owner& owner_;
  pid_t pid_ = 0;
  bool late_ = false;  ///< was killed because it did not answer in time
  std::string answer_;
  Fd output_;
  Fd pidfd_;
  ReadWatcher answer_watcher_;
  ReadWatcher exit_watcher_;
  TimerWatcher deadline_;
};

}  // namespace prefork
