// What pool.json says, parsed and checked: plain values, no I/O. config/load.h makes one from a file.
// docs/configuration.md explains every key.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/choices.h"

namespace prefork {

using Milliseconds = std::chrono::milliseconds;

/// Where a pool listens. Two addresses are equal when nothing about the socket would differ.
struct ListenAddress {
  enum class Kind { kTcp, kUnixPath, kUnixAbstract, kSystemd };

  Kind kind = Kind::kTcp;
  std::string host;        ///< kTcp: a numeric address or a name; empty means all addresses, IPv4 and IPv6
  std::uint16_t port = 0;  ///< kTcp: 0 lets the kernel choose
  std::string path;        ///< kUnixPath: the path; kUnixAbstract: the name without '@';
                           ///< kSystemd: the FileDescriptorName= of its .socket unit
  int backlog = 4096;      ///< connections the kernel may hold for us; it cuts this to net.core.somaxconn
  std::optional<mode_t> mode;  ///< kUnixPath: permissions of the socket file
  std::string owner;           ///< kUnixPath: user name or number; empty leaves it
  std::string group;           ///< kUnixPath: group name or number; empty leaves it
  bool reuse_port = false;     ///< kTcp: SO_REUSEPORT

  /// As a person writes it: `127.0.0.1:8080`, `[::1]:8080`, `:8080`, `unix:/run/x.sock`, `unix:@x`.
  [[nodiscard]] std::string text() const;
  bool operator==(const ListenAddress&) const = default;
};

enum class Scheduling { kNormal, kBatch };
enum class Output { kPrefix, kInherit };
enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Whom a process runs as, in numbers.
struct Identity {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  ///< supplementary, in order
  bool operator==(const Identity&) const = default;
};

/// One of setrlimit(2)'s limits; RLIM_INFINITY is none.
struct ResourceLimit {
  int resource = 0;  ///< RLIMIT_…
  std::string name;  ///< as the file names it: "nofile"
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const ResourceLimit&) const = default;
};

/// The attributes that the kernel keeps for each process of a pool. An attribute that is not set is the
/// supervisor's own.
struct ProcessConfig {
  std::string user;   ///< as written: for messages
  std::string group;  ///< the same
  std::optional<Identity> identity;
  std::optional<mode_t> umask;
  std::optional<int> nice;
  std::vector<ResourceLimit> limits;  ///< in the order of `resource`
  std::optional<int> oom_score_adj;   ///< not set: the supervisor's own and 200
  bool operator==(const ProcessConfig&) const = default;
};

struct QueueConfig {
  std::size_t max = 1024;
  Milliseconds timeout{30'000};
  QueueOrder order = QueueOrder::kFifo;
  QueueFairness fairness = QueueFairness::kNone;
  Milliseconds target{20};  ///< kAdaptive: how long the oldest may wait before the queue is said to stand
  QueueFull full = QueueFull::kWait;
  std::string reject_with;  ///< bytes for a connection that is turned away; empty closes it silently
  bool operator==(const QueueConfig&) const = default;
};

struct HealthConfig {
  Milliseconds start_timeout{60'000};              ///< from the start of a worker to its Ready
  Milliseconds receipt_timeout{10'000};            ///< from dispatch to Busy
  Milliseconds kill_timeout{5'000};                ///< from SIGTERM to SIGKILL
  std::optional<Milliseconds> busy_timeout = {};   ///< from Busy, or the last Progress, to Idle
  std::optional<Milliseconds> ping_interval = {};  ///< how long a worker may rest unasked
  Milliseconds ping_timeout{5'000};
  KillSignal kill_signal = KillSignal::kTerminate;  ///< what a worker that hangs gets before SIGKILL
  bool operator==(const HealthConfig&) const = default;
};

struct RestartConfig {
  Milliseconds backoff_min{100};
  Milliseconds backoff_max{30'000};
  bool operator==(const RestartConfig&) const = default;
};

/// Connections that are kept for further requests.
struct KeepAliveConfig {
  bool park = false;  ///< workers give them back between two requests
  Milliseconds idle_timeout{60'000};
  std::size_t max = 0;  ///< parked at a time; 0: as many as there are descriptors for
  bool operator==(const KeepAliveConfig&) const = default;
};

/// A number of workers that follows the load; PoolConfig::workers is the most.
struct ElasticConfig {
  unsigned min = 1;
  unsigned spare = 1;        ///< idle workers to keep; where the file does not say: 0 if min is 0
  unsigned spawn_rate = 64;  ///< starts a second, at most
  Milliseconds idle_timeout{60'000};
  bool operator==(const ElasticConfig&) const = default;
};

/// When a worker is replaced though nothing is wrong with it.
struct RecycleConfig {
  std::uint64_t connections = 0;  ///< served; 0: never
  unsigned jitter = 10;           ///< percent, at most so much more at random of connections and age
  std::optional<Milliseconds> age = {};
  std::uint64_t rss = 0;  ///< bytes of resident memory; 0: never
  unsigned at_once = 1;
  bool operator==(const RecycleConfig&) const = default;
};

/// What the first worker of a new generation must stand before the others follow.
struct ProbationConfig {
  Milliseconds time{1'000};
  unsigned connections = 1;
  bool operator==(const ProbationConfig&) const = default;
};

struct PoolConfig {
  std::string name;  ///< the key under `pools`; the file's `name` (or "main") in the short form
  std::vector<ListenAddress> listen;
  std::vector<std::string> command;  ///< argv; command[0] as written
  std::string executable;            ///< absolute path that command[0] was found at
  StartForm start = StartForm::kExec;
  unsigned workers = 1;
  std::optional<ElasticConfig> elastic = {};
  unsigned connections_per_worker = 1;
  Prefer prefer = Prefer::kLongestIdle;
  Hold hold = Hold::kReceipt;
  unsigned connections_per_address = 0;  ///< at a time, from one client; 0: any number
  bool wait_for_data = false;
  Milliseconds first_byte_timeout{30'000};  ///< with wait_for_data
  KeepAliveConfig keep_alive;
  QueueConfig queue;
  HealthConfig health;
  RestartConfig restart;
  RecycleConfig recycle;
  ProbationConfig probation;
  std::string crash_reply;                         ///< bytes for a client whose worker crashed unanswered
  std::string directory;                           ///< empty: the supervisor's own
  std::map<std::string, std::string> environment;  ///< added to the supervisor's own
  Scheduling scheduling = Scheduling::kBatch;
  ProcessConfig process;
  Output output = Output::kPrefix;
  bool operator==(const PoolConfig&) const = default;
};

/// The keys beside the pools.
struct FileKeys {
  std::string name = "main";  ///< in the short form the pool's
  LogLevel log_level = LogLevel::kInfo;
  Milliseconds stop_timeout{30'000};
  std::string control = {};                          ///< path of the control socket; empty: there is none
  std::optional<Identity> supervisor_identity = {};  ///< whom the supervisor becomes when it gives up root
  std::optional<bool> seccomp = {};                  ///< client sockets unreadable; not set: if possible
  bool operator==(const FileKeys&) const = default;
};

struct Config : FileKeys {
  std::vector<PoolConfig> pools;  ///< in the order of the file, at least one
  std::string text = {};          ///< what it was made from
  bool operator==(const Config&) const = default;
};

}  // namespace prefork
