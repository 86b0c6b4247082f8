#include "config/duration.h"

#include <cstddef>
#include <cstdint>

#include "proto/digits.h"

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
  const std::size_t digits = leading_digits(text);
  const auto count = parse_digits<std::int64_t>(text.substr(0, digits));
  const auto one = unit(text.substr(digits));
  if (!count || digits > kMaxDigits || !one) return std::nullopt;
  return *one * *count;
}

}  // namespace prefork
