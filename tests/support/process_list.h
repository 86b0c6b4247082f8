// What the kernel says of processes (/proc), for tests.
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

/// A state of '?' says that there is no such process.
[[nodiscard]] ProcessStat process_stat(pid_t pid);
[[nodiscard]] std::vector<ProcessStat> children_of(pid_t parent);
[[nodiscard]] bool is_alive(pid_t pid);  ///< neither gone nor a zombie
[[nodiscard]] std::size_t descriptors_of(pid_t pid);
/// Their numbers, in order.
[[nodiscard]] std::vector<int> descriptor_numbers_of(pid_t pid);
/// A field of /proc/<pid>/status; empty when there is none.
[[nodiscard]] std::string status_field_of(pid_t pid, const std::string& field);
/// Processes with `assignment` ("NAME=value") in the environment they were started with.
[[nodiscard]] std::vector<pid_t> processes_with(const std::string& assignment);

}  // namespace prefork::test
