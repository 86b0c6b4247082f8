#include "config/duration.h"

#include <algorithm>

namespace prefork {
namespace {

std::optional<Milliseconds> unit(std::string_view name) {
  if (name == "ms") return Milliseconds(1);
  if (name == "s") return std::chrono::seconds(1);
  if (name == "m") return std::chrono::minutes(1);
  if (name == "h") return std::chrono::hours(1);
  return std::nullopt;
}

}  // namespace

std::optional<Milliseconds> parse_duration(std::string_view text) {
  constexpr std::size_t kMaxDigits = 9;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto digits =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
  const auto one = unit(text.substr(digits));
  if (digits == 0 || digits > kMaxDigits || !one) return std::nullopt;
  std::int64_t count = 0;
  for (const char c : text.substr(0, digits)) count = count * 10 + (c - '0');
  return *one * count;
}

}  // namespace prefork
