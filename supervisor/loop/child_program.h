// A program that runs beside the supervisor and ends by itself, as its child: gets files as descriptors from
// 3 on, and writes lines. For what may wait or fail and must not do so in the loop. One child at a time,
// without blocking. UpgradeCheck and ConfigReading use it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class ChildProgram {
 public:
  struct Command {
    std::string program;
    std::vector<std::string> arguments;
    std::vector<const Fd*> files;  ///< descriptors 3, 4 … of the child
    Duration patience;             ///< then it is killed
  };
  struct Outcome {
    bool late = false;   ///< its time was over, and it has not ended by itself
    int status = 0;      ///< as from waitpid(2), if it was not late
    std::string output;  ///< the end of what it has written to stdout and stderr
    /// It has exited with status 0.
    [[nodiscard]] bool succeeded() const;
    /// "exited with status 1", "was killed by signal 9".
    [[nodiscard]] std::string end_in_words() const;
    /// Of the output, without its end of line; as it was written.
    [[nodiscard]] std::string last_line() const;
  };
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The next one may be started here.
    virtual void child_ended(const Outcome& outcome) = 0;
  };

  ChildProgram(const Loop& loop, Owner& owner);
  /// Kills a child that still runs.
  ~ChildProgram() { abandon(); }
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  /// The owner gets the outcome later, unless this returns an error. Not while one is running().
  [[nodiscard]] Result<void> start(const Command& command);
  /// Kills the child; the owner is not told. From now on it is a stranger to Reaper, which reaps it.
  void abandon();
  [[nodiscard]] bool running() const { return pid_ != 0; }
  /// The child, which only this class may reap; 0: none.
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  static constexpr std::size_t kMaxOutput = 4096;
  /// How often the child is looked at where there is no pidfd.
  static constexpr Duration kLook = std::chrono::milliseconds(20);
  /// A killed child that waits for a dead disk does not end. After this time it is given up.
  static constexpr Duration kGrace = std::chrono::seconds(1);

  void watch(const Command& command);
  void on_output();
  void on_exit();
  void look_for_exit();
  void on_deadline();
  void on_grace_over();
  enum class Got { kSome, kNothing, kEnd };
  [[nodiscard]] Got read_output();
  void kill_group() const;
  /// Forgets the child and tells the owner.
  void end(int status);
  void forget();

  Owner& owner_;
  pid_t pid_ = 0;
  bool late_ = false;
  std::string output_;
  Fd output_end_;
  Fd pidfd_;
  ReadWatcher output_watcher_;
  ReadWatcher exit_watcher_;
  TimerWatcher look_timer_;  ///< in place of exit_watcher_, where the rules of a container deny pidfd_open(2)
  TimerWatcher deadline_;
};

}  // namespace prefork
