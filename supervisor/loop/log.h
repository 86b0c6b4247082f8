// The supervisor's log: lines on a descriptor, usually stderr. A reader that is slow, or gone, never stops
// the supervisor (see NonBlockingSink). This header stays free of spdlog, because most files include it.
#pragma once

#include <fmt/core.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "config/config.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/log_subject.h"

namespace spdlog {
class logger;
}

namespace prefork {

class NonBlockingSink;
struct LogFields;

class Log {
 public:
  /// Borrows `descriptor` for its whole life.
  explicit Log(int descriptor);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void set_level(LogLevel level);
  void set_format(LogFormat format);
  // A LogSubject among the values says what the line is about.
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

  /// A line of a worker's output, written at every log level. `name`: "web[4711]", pool and pid. It stands
  /// before the line; in the JSON log it is members of their own.
  void worker_line(std::string_view name, std::string_view line);
  /// Writes a line as it is, without time and level; in the JSON log it is a message.
  void write_line(std::string_view line);
  /// Writes the buffered bytes, as far as the reader takes them. True when the buffer is empty then.
  bool write_pending();
  [[nodiscard]] bool waits() const;
  /// For its file.
  [[nodiscard]] NonBlockingSink& sink() { return *sink_; }
  // As in NonBlockingSink
  [[nodiscard]] bool never_wait();
  [[nodiscard]] bool writing() const;
  [[nodiscard]] bool still_opening();
  void hold(bool held);
  void write_rest(Duration patience);
  /// Dropped lines that no log line has reported yet.
  [[nodiscard]] std::uint64_t dropped() const;
  /// The buffered bytes, for an upgrade in place.
  [[nodiscard]] const std::string& waiting() const;
  void adopt(const std::string& waiting, std::uint64_t dropped);

 private:
  template <typename... T>
  void write(LogLevel level, fmt::format_string<T...> format, T&&... values) {
    if (level < level_) return;
    const LogSubject* subject = nullptr;
    (look_for_subject(values, subject), ...);
    write_text(level, fmt::format(format, std::forward<T>(values)...), subject);
  }
  static void look_for_subject(const LogSubject& value, const LogSubject*& found) { found = &value; }
  template <typename T>
  static void look_for_subject(const T& /*value*/, const LogSubject*& /*found*/) {}
  void write_text(LogLevel level, std::string_view text, const LogSubject* subject, bool output = false);

  LogLevel level_ = LogLevel::kInfo;
  LogFormat format_ = LogFormat::kText;
  std::unique_ptr<LogFields> fields_;  ///< of the line that is being written
  std::shared_ptr<NonBlockingSink> sink_;
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace prefork
