// What the processes of each generation in use are started from. A generation that failed its trial leaves
// the one before in place, so that one's processes can still be replaced. PoolRunner owns it.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "supervisor/core/worker_row.h"
#include "supervisor/pool/pool_settings.h"
#include "supervisor/spawner/launch.h"
#include "supervisor/state/worker_state.h"

namespace prefork {

class LaunchTable {
 public:
  /// A generation that is in the table already stays as it is.
  void add(Generation generation, Launches launches) { launches_.emplace(generation, std::move(launches)); }
  void forget(Generation generation) {
    launches_.erase(generation);
    started_otherwise_.erase(generation);
  }
  /// True once for each generation: a process of it runs another file, or in another directory, than the
  /// first.
  [[nodiscard]] bool first_started_otherwise(Generation generation) {
    return started_otherwise_.insert(generation).second;
  }
  /// The generation is in the table.
  [[nodiscard]] const Launch& of(Generation generation, WorkerRole role) const {
    return launches_.at(generation).of(role);
  }

  // For an upgrade in place.
  [[nodiscard]] std::vector<LaunchState> state() const;
  /// `configured` replaces a launch that another version has written in another form: the two are the same
  /// unless a rollout is under way. New processes get the accept library of this program.
  void adopt(const std::vector<LaunchState>& states, const Launches& configured);

 private:
  std::map<Generation, Launches> launches_;
  std::set<Generation> started_otherwise_;
};

}  // namespace prefork
