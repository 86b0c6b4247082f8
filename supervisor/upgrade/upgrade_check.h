// Examines a new program before it takes over: starts it as a child that gets a copy of the state and nothing
// else, and judges its answer whether it can go on from there. Upgrader uses it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/child_program.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class UpgradeCheck final : private ChildProgram::Owner {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(10);
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

  /// Runs `program --adopt-check 3` with `state` as descriptor 3. The owner gets the outcome later, unless
  /// this returns an error. Not while one is running().
  [[nodiscard]] Result<void> start(const std::string& program, const Fd& state);
  /// Ends it; the owner is not told.
  void stop() { child_.abandon(); }
  [[nodiscard]] bool running() const { return child_.running(); }
  /// As in ChildProgram
  [[nodiscard]] pid_t pid() const { return child_.pid(); }

 private:
  // ChildProgram::Owner
  void child_ended(const ChildProgram::Outcome& outcome) override;

  Owner& owner_;
  ChildProgram child_;
};

}  // namespace prefork
