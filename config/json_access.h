// Reads values out of a document that may hold anything: a key that is absent or of another type leaves the
// default.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "config/config.h"
#include "config/document.h"

namespace prefork {

[[nodiscard]] const Document* find_key(const Document& object, const char* key);
[[nodiscard]] const std::string* find_string(const Document& object, const char* key);
/// The value, or an empty object.
[[nodiscard]] const Document& section(const Document& object, const char* key);

void read_value(const Document& object, const char* key, std::string& into);
void read_value(const Document& object, const char* key, Milliseconds& into);
void read_value(const Document& object, const char* key, std::optional<Milliseconds>& into);
void read_value(const Document& object, const char* key, bool& into);

template <typename Integer>
void read_integer(const Document& object, const char* key, Integer& into) {
  const Document* value = find_key(object, key);
  if (value == nullptr || !value->is_number_unsigned()) return;
  constexpr std::uint64_t kLargest = 1'000'000;  // no key allows more
  into = static_cast<Integer>(std::min(value->get<std::uint64_t>(), kLargest));
}

template <typename Enum>
void read_choice(const Document& object, const char* key, Enum& into,
                 std::initializer_list<std::pair<const char*, Enum>> choices) {
  const std::string* text = find_string(object, key);
  if (text == nullptr) return;
  for (const auto& [name, choice] : choices) {
    if (*text == name) into = choice;
  }
}

}  // namespace prefork
