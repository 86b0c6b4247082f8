// The processes of one pool's workers, by the workers' ids. take() removes a process alive: its own callback
// may be running, so the caller decides when it is destroyed.
#pragma once

#include <sys/types.h>

#include <memory>
#include <vector>

#include "supervisor/core/ids.h"
#include "supervisor/state/worker_state.h"
#include "supervisor/workers/worker_process.h"

namespace prefork {

class ProcessTable {
 public:
  /// The id of `process` must not be in the table.
  WorkerProcess& add(std::unique_ptr<WorkerProcess> process);
  /// Removes it from the table; null when it is not there.
  [[nodiscard]] std::unique_ptr<WorkerProcess> take(WorkerId id);
  /// Null when it is not there.
  [[nodiscard]] const WorkerProcess* find(WorkerId id) const;
  [[nodiscard]] WorkerProcess* find(WorkerId id);
  [[nodiscard]] const WorkerProcess* find_pid(pid_t pid) const;
  /// 0 while unknown.
  [[nodiscard]] pid_t pid_of(WorkerId id) const;
  /// Those for which `condition` holds, by their ids: what is done with them may change the table.
  template <typename Condition>
  [[nodiscard]] std::vector<WorkerId> all_with(Condition condition) const {
    std::vector<WorkerId> ids;
    for (const auto& process : processes_) {
      if (process != nullptr && condition(*process)) ids.push_back(process->id());
    }
    return ids;
  }
  /// For an upgrade in place.
  [[nodiscard]] std::vector<WorkerProcessState> state() const;

 private:
  std::vector<std::unique_ptr<WorkerProcess>> processes_;  ///< by slot of the id
};

}  // namespace prefork
