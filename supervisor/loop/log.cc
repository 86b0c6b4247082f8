#include "supervisor/loop/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>

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

}  // namespace

Log::Log(int descriptor)
    : sink_(std::make_shared<NonBlockingSink>(descriptor)),
      logger_(std::make_unique<spdlog::logger>("supervisor", sink_)) {
  logger_->set_level(spdlog::level::trace);
  logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %-7l %v",
                                                                     spdlog::pattern_time_type::utc));
}

Log::~Log() = default;
void Log::set_level(LogLevel level) { level_ = level; }
void Log::write_text(LogLevel level, std::string_view text) {
  logger_->log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
}
void Log::worker_line(std::string_view name, std::string_view line) {
  write_text(LogLevel::kInfo, fmt::format("{}: {}", name, line));
}
void Log::write_line(std::string_view line) { sink_->write_line(line); }
bool Log::write_pending() { return sink_->write_pending(); }
bool Log::waits() const { return sink_->waits(); }
bool Log::never_wait() { return sink_->never_wait(); }
bool Log::writing() const { return sink_->writing(); }
void Log::hold(bool held) { sink_->hold(held); }
void Log::write_rest(Duration patience) { sink_->write_rest(std::chrono::steady_clock::now() + patience); }
std::uint64_t Log::dropped() const { return sink_->dropped(); }
const std::string& Log::waiting() const { return sink_->waiting(); }
void Log::adopt(const std::string& waiting, std::uint64_t dropped) { sink_->adopt(waiting, dropped); }

}  // namespace prefork
