#include "supervisor/loop/escape.h"

#include <algorithm>
#include <cstdint>

#include "proto/utf8.h"

namespace prefork {
namespace {

/// One UTF-8 character at the beginning of `text`; size 0: the text does not begin with a valid one.
struct Character {
  std::size_t size = 0;
  std::uint32_t code = 0;
};

Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {1, lead};
  const std::size_t size = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead >= 0xf5) return {};
  std::uint32_t code = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if (!continues_character(text, i)) return {};
    code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code < kLeast[size] || code > 0x10ffff || surrogate) return {};
  return {size, code};
}

/// Printable ASCII.
bool is_plain(char character) {
  const auto byte = static_cast<unsigned char>(character);
  return byte >= 0x20 && byte < 0x7f;
}

void append_escaped(std::string& text, char character) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(character);
  text += "\\x";
  text += kDigits[byte >> 4U];
  text += kDigits[byte & 0xfU];
}

bool is_harmless(std::uint32_t code) {
  if (code == '\t') return true;
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool line_end = code == 0x2028 || code == 0x2029;
  const bool direction = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !control && !line_end && !direction;
}

}  // namespace

std::string escape_to_ascii(std::string_view text, std::size_t limit) {
  std::string safe;
  for (const char character : text) {
    if (safe.size() >= limit) return safe + "…";
    if (is_plain(character)) {
      safe += character;
    } else {
      append_escaped(safe, character);
    }
  }
  return safe;
}

std::string escape_to_utf8(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const auto plain =
        static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_plain) - text.begin());
    safe += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const Character character = first_character(text);
    const std::size_t size = std::max<std::size_t>(character.size, 1);
    if (character.size > 0 && is_harmless(character.code)) {
      safe += text.substr(0, size);
    } else {
      for (const char byte : text.substr(0, size)) append_escaped(safe, byte);
    }
    text.remove_prefix(size);
  }
  return safe;
}

}  // namespace prefork
