#include "supervisor/loop/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <charconv>

#include "supervisor/loop/log_format.h"
#include "supervisor/loop/log_sink.h"

namespace prefork {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// Of "web[4711]".
LogSubject subject_of(std::string_view name) {
  const std::size_t bracket = name.find('[');  // the name of a pool has none
  LogSubject subject{.pool = std::string(name.substr(0, bracket))};
  if (bracket != std::string_view::npos)
    (void)std::from_chars(name.data() + bracket + 1, name.data() + name.size(), subject.pid);
  return subject;
}

}  // namespace

Log::Log(int descriptor)
    : fields_(std::make_unique<LogFields>()),
      sink_(std::make_shared<NonBlockingSink>(descriptor)),
      logger_(std::make_unique<spdlog::logger>("supervisor", sink_)) {
  logger_->set_level(spdlog::level::trace);
  logger_->set_formatter(text_formatter());
}

Log::~Log() = default;
void Log::set_level(LogLevel level) { level_ = level; }
void Log::set_format(LogFormat format) {
  format_ = format;
  logger_->set_formatter(format == LogFormat::kJson ? json_formatter(*fields_) : text_formatter());
}
void Log::write_text(LogLevel level, std::string_view text, const LogSubject* subject, bool output) {
  *fields_ = {subject, output};
  logger_->log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
}
void Log::worker_line(std::string_view name, std::string_view line) {
  const bool of_pool = name.find('[') != std::string_view::npos;  // else of the admin process
  if (format_ == LogFormat::kText || !of_pool)
    return write_text(LogLevel::kInfo, fmt::format("{}: {}", name, line), nullptr);
  const LogSubject subject = subject_of(name);
  write_text(LogLevel::kInfo, line, &subject, /*output=*/true);
}
void Log::write_line(std::string_view line) {
  if (format_ == LogFormat::kText) return sink_->write_line(line);
  write_text(LogLevel::kInfo, line, nullptr);
}
bool Log::write_pending() { return sink_->write_pending(); }
bool Log::waits() const { return sink_->waits(); }
bool Log::never_wait() { return sink_->never_wait(); }
bool Log::writing() const { return sink_->writing(); }
bool Log::still_opening() { return sink_->still_opening(); }
void Log::hold(bool held) { sink_->hold(held); }
void Log::write_rest(Duration patience) { sink_->write_rest(std::chrono::steady_clock::now() + patience); }
std::uint64_t Log::dropped() const { return sink_->dropped(); }
const std::string& Log::waiting() const { return sink_->waiting(); }
void Log::adopt(const std::string& waiting, std::uint64_t dropped) { sink_->adopt(waiting, dropped); }

}  // namespace prefork
