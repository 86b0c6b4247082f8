// Reads the file of the configuration for a reload without waiting for it: runs this program as a child that
// reads it (config_answer.h), and has an answer in the end whatever happens to the child. Where no child can
// be started it does wait: a reload may be what ends the shortage. One reading at a time. ReloadRounds uses
// it.
#pragma once

#include <sys/types.h>

#include <string>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/app/config_answer.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/child_program.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class ConfigReading final : private ChildProgram::Owner {
 public:
  /// How long one child may take. When the first is late, a second one does not ask for names that are in
  /// force already: a silent user database keeps no reload from changing something else.
  struct Patience {
    Duration first = std::chrono::seconds(3);
    Duration second = std::chrono::seconds(7);
  };
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The error: why there is no answer. The next reading may begin here.
    virtual void config_read(const Result<ConfigAnswer>& answer) = 0;
  };

  /// `program` understands --read-config.
  ConfigReading(const Loop& loop, Log& log, Owner& owner, std::string program, Patience patience);

  /// The owner gets the answer later, or inside this call if no child can be started.
  void start(ConfigRequest request);
  /// The owner is not told.
  void stop() { child_.abandon(); }
  [[nodiscard]] bool running() const { return child_.running(); }
  /// As in ChildProgram
  [[nodiscard]] pid_t child() const { return child_.pid(); }

 private:
  [[nodiscard]] Result<void> start_child();
  // ChildProgram::Owner
  void child_ended(const ChildProgram::Outcome& outcome) override;
  [[nodiscard]] std::string silence(const ChildProgram::Outcome& outcome, Duration patience) const;

  Log& log_;
  Owner& owner_;
  std::string program_;
  Patience patience_;
  ConfigRequest request_;
  Fd answer_;  ///< the file for the child's answer
  ChildProgram child_;
};

}  // namespace prefork
