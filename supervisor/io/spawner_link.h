// The supervisor's side of the spawner: asks it to start workers, a few at a time, hears its answers, and
// starts a new spawner when the old one dies.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "proto/fd.h"
#include "supervisor/io/log.h"
#include "supervisor/io/loop.h"
#include "supervisor/io/upgrade_state.h"
#include "supervisor/spawner/launch.h"
#include "supervisor/spawner/spawner.h"

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
  /// workers.
  SpawnerLink(const Loop& loop, Log& log, SpawnerProcess process, const rlimit& descriptors);

  /// A key for a client's requests, never given before.
  [[nodiscard]] std::uint64_t next_key() { return ++last_client_; }
  /// Returns the key. The client must be removed before it is destroyed.
  std::uint64_t add(Client& client, std::uint64_t key);
  void remove(std::uint64_t pool);

  // For an upgrade in place. The spawner goes on as it is: it may hold what the supervisor has given up.
  [[nodiscard]] SpawnerState state() const;
  /// The process that the state names, if this program understands its answers; otherwise none, and resume()
  /// starts another.
  [[nodiscard]] static SpawnerProcess process_of(const SpawnerState& state);
  /// Goes on where the link that wrote the state was. The clients follow, each under its key, and then
  /// resume().
  void adopt(const SpawnerState& state);
  void resume();

  /// Asks for a worker; the answer comes through the client, never before this returns. `output` is what the
  /// worker writes to, if `launch` wants that captured.
  void launch(const LaunchKey& key, const Launch& launch, Fd channel, Fd output);
  /// From now on nobody is started as root, whoever asks.
  [[nodiscard]] Result<void> renounce_root();
  /// Handles all answers that have come.
  void hear();

  /// Answers are awaited: there may be children that nobody knows yet.
  [[nodiscard]] bool awaits_answers() const { return !in_flight_.empty(); }
  [[nodiscard]] pid_t pid() const { return process_.pid; }

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
  void on_exit();
  void restart();
  void give_up_requests();
  void handle(const LaunchReply& reply, Fd pidfd);

  Log& log_;
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
};

}  // namespace prefork
