// Where UTF-8 text may be cut. Decodes nothing.
#pragma once

#include <cstddef>
#include <string_view>

namespace prefork {

/// Whether the byte at `at` continues a UTF-8 character that began before it.
[[nodiscard]] inline bool continues_character(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U;
}

/// The beginning of `text`, of at most `limit` bytes, that splits no character. Text that is not UTF-8 there
/// is cut at the limit.
[[nodiscard]] inline std::string_view cut_between_characters(std::string_view text, std::size_t limit) {
  constexpr std::size_t kMaxContinuing = 3;
  for (std::size_t back = 0; back <= kMaxContinuing && back <= limit; ++back) {
    if (!continues_character(text, limit - back)) return text.substr(0, limit - back);
  }
  return text.substr(0, limit);
}

}  // namespace prefork
