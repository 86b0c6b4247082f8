// The supervisor's side of the spawner: asks it to start workers, a few at a time, hears its answers, and
// puts the standby in its place when it dies. A spawner that does not answer in time is killed, so that its
// standby takes over: at its death, or after the same time again if it survives.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "proto/fd.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/spawner/launch.h"
#include "supervisor/spawner/spawner.h"
#include "supervisor/state/spawner_state.h"
#include "supervisor/system/client_descriptors.h"
#include "supervisor/workers/active_spawner.h"
#include "supervisor/workers/launch_queue.h"
#include "supervisor/workers/standby_spawner.h"
#include "supervisor/workers/start_requester.h"

namespace prefork {

class SpawnerLink {
 public:
  /// `process` was started before anything else was opened. `descriptors`: RLIMIT_NOFILE of later spawners'
  /// workers. Asks for nothing before begin().
  SpawnerLink(const Loop& loop, Log& log, const ClientDescriptors& clients, SpawnerProcess process,
              const rlimit& descriptors, Duration answer_timeout = ActiveSpawner::kAnswerTimeout);
  /// Has a standby made, and starts what is missing; after adopt(), goes on where that link was.
  void begin();
  ~SpawnerLink();
  SpawnerLink(const SpawnerLink&) = delete;
  SpawnerLink& operator=(const SpawnerLink&) = delete;

  /// A key for a requester, never given before.
  [[nodiscard]] std::uint64_t next_key() { return ++last_key_; }
  /// Returns the key. The requester must be removed before it is destroyed.
  std::uint64_t add(StartRequester& requester, std::uint64_t key);
  void remove(std::uint64_t key);

  // For an upgrade in place. The spawners go on as they are: they may hold what the supervisor has given up.
  [[nodiscard]] SpawnerState state() const;
  /// The active process that the state names, if this program understands its answers; otherwise none, and
  /// begin() starts another.
  [[nodiscard]] static SpawnerProcess process_of(const SpawnerState& state);
  /// Goes on where the link that wrote the state was. The requesters follow, each under its key, and then
  /// begin().
  void adopt(const SpawnerState& state);

  /// Asks for a worker; the answer comes through the requester, never before this returns. `output` is what
  /// the worker writes to, if `launch` wants that captured.
  void launch(const LaunchKey& key, const Launch& launch, Fd channel, Fd output);
  /// From now on no worker is started as root, whatever is asked.
  [[nodiscard]] Result<void> renounce_root();
  /// No more workers are wanted: a spawner that does not answer is not kept.
  void stop() { stopping_ = true; }
  /// Handles all answers that have come. True: the spawner has answered.
  bool hear();

  /// While answers are awaited, one child may exist that no pool knows yet: the next answer names it, because
  /// the spawner creates no further process before it has answered. This is the number of that answer;
  /// nothing when none is awaited.
  [[nodiscard]] std::optional<std::uint64_t> awaited_answer() const {
    return requests_.awaits_answers() ? std::optional(answers_) : std::nullopt;
  }
  [[nodiscard]] pid_t pid() const { return active_.pid(); }  ///< of the active one; 0: none
  [[nodiscard]] pid_t standby_pid() const { return standby_.pid(); }

 private:
  /// Between two spawners when they die at once, or cannot be started.
  static constexpr Duration kRetry = std::chrono::seconds(1);
  /// Until the next attempt to send, when no answer will make room.
  static constexpr Duration kSendRetry = std::chrono::milliseconds(100);

  void send_requests();
  void ask_for_standby();
  void on_exit();
  void on_overdue();
  void on_readable() { (void)hear(); }
  /// The standby becomes the active spawner. `fate`: what became of the one before, for the log.
  void replace(const std::string& fate);
  /// Without a standby: starts a spawner that is what the supervisor is now.
  void start_over(const ActiveSpawner::Buried& dead, const std::string& fate);
  void restart();
  void give_up_requests();
  void handle(const LaunchReply& reply, Fd pidfd);
  void warn_of_lack(const LaunchReply& reply);

  Log& log_;
  const ClientDescriptors& descriptors_of_clients_;
  rlimit descriptors_;
  std::map<std::uint64_t, StartRequester*> requesters_;
  std::uint64_t last_key_ = 0;
  std::uint32_t format_ = kLaunchFormat;  ///< of the spawners, which an earlier version may have started
  LaunchQueue requests_;
  std::uint64_t answers_ = 0;   ///< that have been heard
  std::set<LaunchStep> lacks_;  ///< defaults that workers go without: each is logged once
  bool stopping_ = false;
  ActiveSpawner active_;
  bool keeps_silent_one_ = false;  ///< the log says so: no answer has come since
  TimerWatcher retry_;
  StandbySpawner standby_;
};

}  // namespace prefork
