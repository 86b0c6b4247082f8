// Facts about processes from /proc, for tests.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace prefork::test {

struct ProcessStat {
  pid_t pid = 0;
  std::string name;
  char state = '?';  ///< R, S, T (stopped), Z (zombie) …
  pid_t parent = 0;
  double cpu_seconds = 0;
};

/// The state is '?' if there is no such process.
[[nodiscard]] ProcessStat process_stat(pid_t pid);
[[nodiscard]] std::vector<ProcessStat> children_of(pid_t parent);
[[nodiscard]] bool is_alive(pid_t pid);  ///< exists and is not a zombie
[[nodiscard]] std::size_t descriptors_of(pid_t pid);
/// The numbers of its open descriptors, in order.
[[nodiscard]] std::vector<int> descriptor_numbers_of(pid_t pid);
/// A field of /proc/<pid>/status; empty if there is none.
[[nodiscard]] std::string status_field_of(pid_t pid, const std::string& field);
/// Processes that were started with `assignment` ("NAME=value") in their environment.
[[nodiscard]] std::vector<pid_t> processes_with(const std::string& assignment);

}  // namespace prefork::test
