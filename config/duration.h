// Durations as pool.json writes them: a whole number and a unit, "500ms", "30s", "5m", "1h".
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace prefork {

using Milliseconds = std::chrono::milliseconds;

/// Nothing when `text` is not a duration or has more than nine digits.
[[nodiscard]] std::optional<Milliseconds> parse_duration(std::string_view text);

}  // namespace prefork
