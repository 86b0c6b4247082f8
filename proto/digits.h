// Whole numbers in text: the one parser of digits for all rooms. It takes digits only: no sign, no space, no
// prefix, and nothing that the number's type cannot hold.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

namespace prefork {

/// How many decimal digits `text` begins with.
[[nodiscard]] inline std::size_t leading_digits(std::string_view text) {
  const std::size_t end = text.find_first_not_of("0123456789");
  return end == std::string_view::npos ? text.size() : end;
}

/// The number that `text` is from its first to its last character; nothing when it is not one.
template <std::integral Number>
[[nodiscard]] std::optional<Number> parse_digits(std::string_view text, int base = 10) {
  Number value = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, value, base);
  if (error != std::errc() || end != text_end || text.starts_with('-')) return std::nullopt;
  return value;
}

}  // namespace prefork
