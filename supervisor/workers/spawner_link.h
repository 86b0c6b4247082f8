// The supervisor's side of the spawner: asks it to start workers, a few at a time, hears its answers, and
// puts the standby in its place when it dies.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "proto/fd.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/spawner/launch.h"
#include "supervisor/spawner/spawner.h"
#include "supervisor/state/spawner_state.h"
#include "supervisor/system/client_descriptors.h"
#include "supervisor/workers/standby_spawner.h"

namespace prefork {

class SpawnerLink {
 public:
  /// Who asks for workers.
  class Client {
   public:
    virtual ~Client() = default;
    virtual void started(std::uint64_t worker, pid_t pid, Fd pidfd) = 0;
    /// There is no process and there will be none.
    virtual void not_started(std::uint64_t worker, const LaunchReply& reply) = 0;
    /// The process could not become the worker; its exit follows or has been.
    virtual void start_failed(std::uint64_t worker, const LaunchReply& reply) = 0;
  };

  /// `process` was started before anything else was opened. `descriptors`: RLIMIT_NOFILE of later spawners'
  /// workers. Asks for nothing before begin().
  SpawnerLink(const Loop& loop, Log& log, const ClientDescriptors& clients, SpawnerProcess process,
              const rlimit& descriptors);
  /// Has a standby made, and starts what is missing; after adopt(), goes on where that one was.
  void begin();

  /// A key for a client's requests, never given before.
  [[nodiscard]] std::uint64_t next_key() { return ++last_client_; }
  /// Returns the key. The client must be removed before it is destroyed.
  std::uint64_t add(Client& client, std::uint64_t key);
  void remove(std::uint64_t pool);

  // For an upgrade in place. The spawners go on as they are: they may hold what the supervisor has given up.
  [[nodiscard]] SpawnerState state() const;
  /// The active process that the state names, if this program understands its answers; otherwise none, and
  /// begin() starts another.
  [[nodiscard]] static SpawnerProcess process_of(const SpawnerState& state);
  /// Goes on where the link that wrote the state was. The clients follow, each under its key, and then
  /// begin().
  void adopt(const SpawnerState& state);

  /// Asks for a worker; the answer comes through the client, never before this returns. `output` is what the
  /// worker writes to, if `launch` wants that captured.
  void launch(const LaunchKey& key, const Launch& launch, Fd channel, Fd output);
  /// From now on nobody is started as root, whoever asks.
  [[nodiscard]] Result<void> renounce_root();
  /// Handles all answers that have come.
  void hear();

  /// Answers are awaited: there may be children that nobody knows yet.
  [[nodiscard]] bool awaits_answers() const { return !in_flight_.empty(); }
  [[nodiscard]] pid_t pid() const { return process_.pid; }  ///< of the active one; 0: none
  [[nodiscard]] pid_t standby_pid() const { return standby_.pid(); }

 private:
  static constexpr std::size_t kMaxInFlight = 16;
  /// Between two spawners when they die at once, or cannot be started.
  static constexpr Duration kRetry = std::chrono::seconds(1);
  static constexpr Duration kRefill = std::chrono::milliseconds(100);
  struct Request {
    LaunchKey key;
    std::vector<std::byte> bytes;
    Fd channel, output;
  };

  void watch();
  void send_requests();
  void ask_for_standby();
  void on_exit();
  void take_over(SpawnerProcess standby);
  /// Without a standby: starts one of the supervisor's own kind.
  void start_over(Duration age);
  void restart();
  void give_up_requests();
  void handle(const LaunchReply& reply, Fd pidfd);

  Log& log_;
  const ClientDescriptors& descriptors_of_clients_;
  rlimit descriptors_;
  std::map<std::uint64_t, Client*> clients_;
  std::uint64_t last_client_ = 0;
  std::deque<Request> waiting_;
  std::vector<LaunchKey> in_flight_;
  Instant started_at_;
  SpawnerProcess process_;
  ReadWatcher reply_watcher_;
  ReadWatcher exit_watcher_;
  TimerWatcher pump_;
  StandbySpawner standby_;
};

}  // namespace prefork
