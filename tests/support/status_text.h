// Parses the status table that the supervisor writes at SIGUSR1. Uses the labels, not the layout. Lines may
// have any prefix.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prefork::test {

struct WorkerText {
  std::uint64_t number = 0;
  pid_t pid = 0;      ///< 0: not known yet
  std::string state;  ///< "idle", "busy", "starting" …
  std::uint32_t load = 0;
  std::uint32_t slots = 0;
  std::uint64_t served = 0;
  std::uint32_t generation = 0;
  std::uint32_t restarts = 0;
  std::string remark;  ///< the last column: the death of the worker before it
};

struct PoolTable {
  std::string name;
  std::string state;       ///< "running" …
  std::string scoreboard;  ///< without the brackets
  std::vector<std::string> lines;
  std::vector<WorkerText> workers;

  /// The number after a label, as in `served 12`: accepted, "with workers", served, lost, gave_up, rejected,
  /// expired, discarded, dispatched, redispatched, begun, crashes, start_failures, violations, starts,
  /// configured, generation, "queue: now", "workers" (the ready ones).
  [[nodiscard]] std::uint64_t operator[](std::string_view label) const;
  [[nodiscard]] std::size_t count(std::string_view state) const;  ///< workers in this state
  [[nodiscard]] std::vector<pid_t> pids() const;
};

struct StatusText {
  pid_t pid = 0;
  std::vector<PoolTable> pools;
  [[nodiscard]] const PoolTable& pool(std::string_view name) const;
};

/// The last complete table in `log`; nothing if there is none.
[[nodiscard]] std::optional<StatusText> last_status(std::string_view log);

}  // namespace prefork::test
