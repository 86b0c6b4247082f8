// What a log line is about: a pool, or one of its workers. In the text of the line it is its name; in the
// JSON log its parts are members as well.
#pragma once

#include <fmt/format.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace prefork {

struct LogSubject {
  std::string pool;
  std::uint64_t worker = 0;  ///< its number; 0: the line is about the pool
  bool is_template = false;
  pid_t pid = 0;  ///< of the worker; 0: not known

  /// "pool web", "pool web: worker 3 (pid 4711)", "pool web: template 1".
  [[nodiscard]] std::string name() const {
    std::string name = "pool " + pool;
    if (worker != 0) name += (is_template ? ": template " : ": worker ") + std::to_string(worker);
    if (pid != 0) name += " (pid " + std::to_string(pid) + ")";
    return name;
  }
};

}  // namespace prefork

template <>
struct fmt::formatter<prefork::LogSubject> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const prefork::LogSubject& subject, Context& context) const {
    return fmt::formatter<std::string_view>::format(subject.name(), context);
  }
};
