// The supervisor's log: lines on a descriptor, usually stderr, written so that nobody who reads them, or does
// not, can stop the supervisor (see NonBlockingSink). This header stays free of spdlog: everybody includes
// it.
#pragma once

#include <fmt/core.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "config/config.h"

namespace spdlog {
class logger;
}

namespace prefork {

class NonBlockingSink;

class Log {
 public:
  /// Borrows `descriptor` for its whole life.
  explicit Log(int descriptor);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void set_level(LogLevel level);
  template <typename... T>
  void debug(fmt::format_string<T...> format, T&&... values) {
    write(LogLevel::kDebug, format, std::forward<T>(values)...);
  }
  template <typename... T>
  void info(fmt::format_string<T...> format, T&&... values) {
    write(LogLevel::kInfo, format, std::forward<T>(values)...);
  }
  template <typename... T>
  void warn(fmt::format_string<T...> format, T&&... values) {
    write(LogLevel::kWarning, format, std::forward<T>(values)...);
  }
  template <typename... T>
  void error(fmt::format_string<T...> format, T&&... values) {
    write(LogLevel::kError, format, std::forward<T>(values)...);
  }

  /// A line of a worker's output, at whatever level the log is. `name` says whose it is.
  void worker_line(std::string_view name, std::string_view line);
  /// A line as it is, without time and level.
  void write_line(std::string_view line);
  /// Writes what waits, as far as the reader takes it. True when nothing waits any more.
  bool write_pending();
  [[nodiscard]] bool waits() const;
  /// Lines that were dropped and not yet spoken of.
  [[nodiscard]] std::uint64_t dropped() const;
  /// What waits(), for an upgrade in place.
  [[nodiscard]] const std::string& waiting() const;
  void adopt(const std::string& waiting, std::uint64_t dropped);

 private:
  template <typename... T>
  void write(LogLevel level, fmt::format_string<T...> format, T&&... values) {
    if (level >= level_) write_text(level, fmt::format(format, std::forward<T>(values)...));
  }
  void write_text(LogLevel level, std::string_view text);

  LogLevel level_ = LogLevel::kInfo;
  std::shared_ptr<NonBlockingSink> sink_;
  std::unique_ptr<spdlog::logger> logger_;
};

/// Text from outside made fit for one line: all but printable ASCII is escaped, and it is cut after `limit`
/// bytes.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace prefork
