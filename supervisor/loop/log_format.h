// The two forms of a log line: text, and one JSON object a line. Log has the lines formatted so; the sink
// writes them.
#pragma once

#include <spdlog/formatter.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "supervisor/loop/log_subject.h"

namespace prefork {

/// What the JSON form has beside time, level and message.
struct LogFields {
  const LogSubject* subject = nullptr;  ///< null: the line is about no pool
  bool output = false;                  ///< the message is a line that a worker has written
};

/// "2026-01-31T12:34:56.789Z info    MESSAGE".
[[nodiscard]] std::unique_ptr<spdlog::formatter> text_formatter();
/// {"time":"2026-01-31T12:34:56.789Z","level":"info","message":"MESSAGE","pool":"web"}. `fields` are those of
/// the message that is being logged; a message without a logger's name, such as the sink's own, has none.
[[nodiscard]] std::unique_ptr<spdlog::formatter> json_formatter(const LogFields& fields);

}  // namespace prefork
