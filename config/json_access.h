// Reads values from a document with any contents: a key that is absent or has another type leaves the
// default.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/choice_names.h"
#include "config/document.h"
#include "config/duration.h"

namespace prefork {

[[nodiscard]] const Document* find_key(const Document& object, const char* key);
[[nodiscard]] const std::string* find_string(const Document& object, const char* key);
/// At most 1000000: no key allows more.
[[nodiscard]] std::optional<std::uint64_t> find_count(const Document& object, const char* key);
/// The value, or an empty object.
[[nodiscard]] const Document& section(const Document& object, const char* key);

void read_value(const Document& object, const char* key, std::string& into);
void read_value(const Document& object, const char* key, Milliseconds& into);
void read_value(const Document& object, const char* key, std::optional<Milliseconds>& into);
void read_value(const Document& object, const char* key, bool& into);

/// A user or a group, by name or by number; a number becomes its digits.
void read_account(const Document& object, const char* key, std::string& into);

template <typename Integer>
void read_integer(const Document& object, const char* key, Integer& into) {
  if (const auto count = find_count(object, key)) into = static_cast<Integer>(*count);
}

/// By the table of the enum in choice_names.h. `Into` is the enum, or an optional one.
template <typename Enum, typename Into>
void read_choice_of(const Document& object, const char* key, Into& into) {
  static_assert(!kChoiceNames<Enum>.empty(), "the enum has a table in choice_names.h");
  const std::string* text = find_string(object, key);
  if (text == nullptr) return;
  for (const auto& choice : kChoiceNames<Enum>) {
    if (*text == choice.text) into = choice.value;
  }
}

template <typename Enum>
void read_choice(const Document& object, const char* key, Enum& into) {
  read_choice_of<Enum>(object, key, into);
}
template <typename Enum>
void read_choice(const Document& object, const char* key, std::optional<Enum>& into) {
  read_choice_of<Enum>(object, key, into);
}

}  // namespace prefork
