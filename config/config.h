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

namespace prefork {

using Milliseconds = std::chrono::milliseconds;

/// Where a pool listens. Two addresses are equal when nothing about the socket would differ.
struct ListenAddress {
  enum class Kind { kTcp, kUnixPath, kUnixAbstract };

  Kind kind = Kind::kTcp;
  std::string host;        ///< kTcp: a numeric address or a name; empty means all addresses, IPv4 and IPv6
  std::uint16_t port = 0;  ///< kTcp: 0 lets the kernel choose
  std::string path;        ///< kUnixPath: the path; kUnixAbstract: the name without '@'
  int backlog = 4096;      ///< connections the kernel may hold for us; it cuts this to net.core.somaxconn
  std::optional<mode_t> mode;  ///< kUnixPath: permissions of the socket file
  std::string owner;           ///< kUnixPath: user name or number; empty leaves it
  std::string group;           ///< kUnixPath: group name or number; empty leaves it
  bool reuse_port = false;     ///< kTcp: SO_REUSEPORT

  /// As a person writes it: `127.0.0.1:8080`, `[::1]:8080`, `:8080`, `unix:/run/x.sock`, `unix:@x`.
  [[nodiscard]] std::string text() const;
  bool operator==(const ListenAddress&) const = default;
};

enum class StartForm { kExec, kFork };
enum class Prefer { kLongestIdle, kWarmest };
enum class Hold { kReceipt, kDone };
enum class Scheduling { kNormal, kBatch };
enum class QueueFull { kWait, kReject };
enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct QueueConfig {
  std::size_t max = 1024;
  Milliseconds timeout{30'000};
  QueueFull full = QueueFull::kWait;
  std::string reject_with;  ///< bytes for a connection that is turned away; empty closes it silently
  bool operator==(const QueueConfig&) const = default;
};

struct HealthConfig {
  Milliseconds start_timeout{60'000};    ///< from the start of a worker to its Ready
  Milliseconds receipt_timeout{10'000};  ///< from dispatch to Busy
  Milliseconds kill_timeout{5'000};      ///< from SIGTERM to SIGKILL
  bool operator==(const HealthConfig&) const = default;
};

struct RestartConfig {
  Milliseconds backoff_min{100};
  Milliseconds backoff_max{30'000};
  bool operator==(const RestartConfig&) const = default;
};

struct PoolConfig {
  std::string name;  ///< the key under `pools`; the file's `name` (or "main") in the short form
  std::vector<ListenAddress> listen;
  std::vector<std::string> command;  ///< argv; command[0] as written
  std::string executable;            ///< absolute path that command[0] was found at
  StartForm start = StartForm::kExec;
  unsigned workers = 1;
  unsigned connections_per_worker = 1;
  Prefer prefer = Prefer::kLongestIdle;
  Hold hold = Hold::kReceipt;
  QueueConfig queue;
  HealthConfig health;
  RestartConfig restart;
  std::string directory;                           ///< empty: the supervisor's own
  std::map<std::string, std::string> environment;  ///< added to the supervisor's own
  Scheduling scheduling = Scheduling::kBatch;
  bool operator==(const PoolConfig&) const = default;
};

struct Config {
  std::string name = "main";
  LogLevel log_level = LogLevel::kInfo;
  Milliseconds stop_timeout{30'000};
  std::vector<PoolConfig> pools;  ///< in the order of the file, at least one
  bool operator==(const Config&) const = default;
};

}  // namespace prefork
