#include "config/byte_size.h"

#include <algorithm>
#include <cstddef>

namespace prefork {
namespace {

std::optional<unsigned> unit_shift(std::string_view name) {
  if (name == "B") return 0;
  if (name == "KiB") return 10;
  if (name == "MiB") return 20;
  if (name == "GiB") return 30;
  if (name == "TiB") return 40;
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_byte_size(std::string_view text) {
  constexpr std::size_t kMaxDigits = 15;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto digits =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
  const auto shift = unit_shift(text.substr(digits));
  if (digits == 0 || digits > kMaxDigits || !shift) return std::nullopt;
  std::uint64_t count = 0;
  for (const char c : text.substr(0, digits)) count = count * 10 + static_cast<std::uint64_t>(c - '0');
  if (count > (static_cast<std::uint64_t>(INT64_MAX) >> *shift)) return std::nullopt;
  return count << *shift;
}

}  // namespace prefork
