// The second spawner: idle until the first one dies, and then at once in its place. The first one forks it.
// The supervisor itself cannot: after its start it has no root and has a filter of system calls, and workers
// would inherit both.
#pragma once

#include <sys/types.h>

#include <string>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/spawner/launch.h"
#include "supervisor/spawner/spawner.h"
#include "supervisor/state/spawner_state.h"

namespace prefork {

class StandbySpawner {
 public:
  /// `wanted` is called when it is time to ask() again.
  StandbySpawner(const Loop& loop, Log& log, Callback wanted);

  /// Asks the active spawner behind that socket to fork a standby, unless there is one or one is asked for.
  /// True: it was asked, and its answer goes to answered().
  [[nodiscard]] bool ask(const Fd& active);
  void answered(const LaunchReply& reply, Fd pidfd);
  /// From now on it starts no worker as root.
  [[nodiscard]] Result<void> renounce_root();
  /// Gives it away, to become the active spawner. Without a pid: there is none. A standby that was only asked
  /// for ends by itself.
  [[nodiscard]] SpawnerProcess take();
  [[nodiscard]] pid_t pid() const { return process_.pid; }  ///< 0: none

  [[nodiscard]] SpawnerProcessState state() const;
  void adopt(const SpawnerProcessState& state);

 private:
  /// Between two attempts, and between two standbys that die at once.
  static constexpr Duration kRetry = std::chrono::seconds(1);

  void watch();
  void on_exit();
  void want() { wanted_(); }
  void try_later() { retry_.start(kRetry, Callback::to<&StandbySpawner::want>(*this)); }
  void complain(const std::string& why);

  Log& log_;
  Callback wanted_;
  bool complained_ = false;
  Instant started_at_;
  SpawnerProcess process_;  ///< a socket without a pid: asked for
  ReadWatcher exit_watcher_;
  TimerWatcher retry_;
};

}  // namespace prefork
