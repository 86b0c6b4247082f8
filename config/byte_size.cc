#include "config/byte_size.h"

#include <cstddef>

#include "proto/digits.h"

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
  const std::size_t digits = leading_digits(text);
  const auto count = parse_digits<std::uint64_t>(text.substr(0, digits));
  const auto shift = unit_shift(text.substr(digits));
  if (!count || digits > kMaxDigits || !shift) return std::nullopt;
  if (*count > (static_cast<std::uint64_t>(INT64_MAX) >> *shift)) return std::nullopt;
  return *count << *shift;
}

}  // namespace prefork
