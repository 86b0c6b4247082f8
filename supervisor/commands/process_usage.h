// The processor time and the memory of worker processes, for the commands status and top. The command reads
// them from /proc itself: the supervisor would need a system call or three for each worker, and its loop
// would stand still meanwhile. Only /proc/PID/stat is read, which takes no lock that a worker can hold
// (`smaps` and `cmdline` wait for the lock of the process's memory).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace prefork {

struct Usage {
  std::chrono::milliseconds cpu{};  ///< user and system, of the process alone
  std::uint64_t rss = 0;            ///< resident bytes, shared pages included
};

class ProcessUsage {
 public:
  /// `supervisor`: its pid as the kernel tells it (ControlClient::peer()). Its workers' pids mean something
  /// here only if it has no other pid in a namespace of its own.
  explicit ProcessUsage(pid_t supervisor);

  /// Nothing when the process is unknown here: it has ended, it is in another pid namespace, or /proc hides
  /// it (hidepid).
  [[nodiscard]] std::optional<Usage> of(pid_t pid) const;

  /// Adds `cpu_ms` and `rss_bytes` to each worker in an answer to the method "status"; null: unknown.
  void add_to(nlohmann::ordered_json& status) const;
  /// Adds the columns CPU TIME and RSS to the lines of the status table; "-": unknown.
  [[nodiscard]] std::vector<std::string> added_to(const std::vector<std::string>& table) const;

 private:
  bool same_pids_ = false;
};

}  // namespace prefork
