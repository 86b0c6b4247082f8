// The contents of pool.json, parsed and checked: plain values, no I/O. config/load.h makes a Config from a
// file; docs/configuration.md explains every key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/admin_config.h"
#include "config/listen_address.h"
#include "config/policy_config.h"
#include "config/process_config.h"
#include "config/protocol_config.h"
#include "supervisor/core/choices.h"

namespace prefork {

enum class Scheduling { kNormal, kBatch };
enum class Output { kPrefix, kInherit };
enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

struct PoolConfig {
  std::string name;  ///< the key under `pools`; the file's `name` (or "main") in the short form
  std::vector<ListenAddress> listen;
  std::vector<std::string> command;  ///< argv; command[0] as written
  std::string executable;            ///< the absolute path of the program that command[0] names
  PinnedProgram pinned = {};         ///< what `executable` and `directory` led to
  StartForm start = StartForm::kExec;
  ProtocolConfig protocol = {};
  unsigned workers = 1;
  std::optional<ElasticConfig> elastic = {};
  unsigned connections_per_worker = 1;
  Prefer prefer = Prefer::kLongestIdle;
  Hold hold = Hold::kReceipt;
  unsigned connections_per_address = 0;  ///< maximum at a time from one client address; 0: no maximum
  bool wait_for_data = false;
  Milliseconds first_byte_timeout{30'000};  ///< with wait_for_data
  KeepAliveConfig keep_alive;
  QueueConfig queue;
  HealthConfig health;
  RestartConfig restart;
  RecycleConfig recycle;
  ProbationConfig probation;
  std::string crash_reply;  ///< bytes for a client whose worker crashed before an answer
  std::string directory;    ///< empty: the supervisor's own
  std::map<std::string, std::string> environment;  ///< added to the supervisor's own
  std::optional<Scheduling> scheduling = {};       ///< not set: kBatch where the kernel allows it
  ProcessConfig process;
  Output output = Output::kPrefix;
  std::size_t output_line_max = 8192;  ///< bytes; with kPrefix
  bool operator==(const PoolConfig&) const = default;
};

/// The keys beside the pools.
struct FileKeys {
  std::string name = "main";  ///< in the short form the pool's
  LogLevel log_level = LogLevel::kInfo;
  Milliseconds stop_timeout{30'000};
  Milliseconds stop_delay{0};        ///< 0: none
  std::string control = {};          ///< path of the control socket; empty: none, or that of the default
  bool control_by_default = true;    ///< the file does not say where; see control_place.h
  std::string supervisor_user = {};  ///< as written
  std::optional<Identity> supervisor_identity = {};  ///< the supervisor's identity after it has given up root
  std::optional<bool> seccomp = {};                  ///< client sockets unreadable; not set: if possible
  std::string log_file = {};                         ///< absolute path; empty: the log is standard error
  LogFormat log_format = LogFormat::kText;
  AdminConfig admin = {};
  bool operator==(const FileKeys&) const = default;
};

struct Config : FileKeys {
  std::vector<PoolConfig> pools;  ///< in the order of the file, at least one
  std::string text = {};          ///< the JSON text that it was read from
  bool operator==(const Config&) const = default;
};

}  // namespace prefork
