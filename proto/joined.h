// Several texts as one: "a, b, c". For messages; the lowest room has it, so that every room writes lists
// alike.
#pragma once

#include <string>
#include <string_view>

namespace prefork {

/// The parts in their order with `separator` between two of them; empty for no parts. A part is anything that
/// can be appended to a std::string.
template <typename Parts>
[[nodiscard]] std::string joined(const Parts& parts, std::string_view separator = ", ") {
  std::string text;
  bool first = true;
  for (const auto& part : parts) {
    if (!first) text += separator;
    first = false;
    text += part;
  }
  return text;
}

}  // namespace prefork
