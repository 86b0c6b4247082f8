// Parses the status that the control socket answers with, as far as tests need it.
#pragma once

#include <sys/types.h>

#include <chrono>
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
  std::string state;  ///< "idle", "busy", "starting" …; "template", whatever the template's state is
  std::uint64_t load = 0;
  std::uint64_t slots = 0;
  std::uint64_t served = 0;
  std::uint64_t generation = 0;
  std::uint64_t restarts = 0;
  std::chrono::duration<double, std::milli> in_state{};  ///< for so long
  std::string note;                                      ///< what it says of itself
};

struct PoolTable {
  std::string name;
  std::string state;  ///< "running" …
  bool saturated = false;
  bool paused = false;  ///< a listener is: out of descriptors or memory
  std::size_t listeners = 0;
  std::size_t listener_files = 0;  ///< of unix listeners; the supervisor holds them open
  std::vector<WorkerText> workers;
  std::map<std::string, std::uint64_t, std::less<>> numbers;

  /// Each counter by its name: accepted, served, lost, gave_up, rejected, expired, discarded, left, silent,
  /// dispatched, redispatched, begun, evicted, crashes, start_failures, violations, starts. The present
  /// numbers: "with workers", "workers" (the ready ones), configured, generation, "queue: now", "queue:
  /// most", "lobby: silent", parked. The counter parked is "parked so far".
  [[nodiscard]] std::uint64_t operator[](std::string_view label) const;
  [[nodiscard]] std::size_t count(std::string_view state) const;  ///< workers in this state
  [[nodiscard]] std::vector<pid_t> pids() const;
};

struct StatusText {
  pid_t pid = 0;
  bool stopping = false;
  std::uint64_t strangers_reaped = 0;
  std::vector<pid_t> spawners;        ///< the one that starts workers, and its standby
  std::size_t admin_descriptors = 0;  ///< listening sockets, link, pidfd and output of the admin process
  std::optional<int> seccomp_from;    ///< the first descriptor that is not readable
  std::vector<PoolTable> pools;
  [[nodiscard]] const PoolTable& pool(std::string_view name) const;
};

/// From the result of the method `status`.
[[nodiscard]] StatusText read_status(const std::string& json);

}  // namespace prefork::test
