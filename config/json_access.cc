#include "config/json_access.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace prefork {

const Document* find_key(const Document& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

const std::string* find_string(const Document& object, const char* key) {
  const Document* value = find_key(object, key);
  return value != nullptr && value->is_string() ? &value->get_ref<const std::string&>() : nullptr;
}

std::optional<std::uint64_t> find_count(const Document& object, const char* key) {
  const Document* value = find_key(object, key);
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  return std::min<std::uint64_t>(value->get<std::uint64_t>(), 1'000'000);
}

const Document& section(const Document& object, const char* key) {
  static const Document kEmpty = Document::object();
  const Document* value = find_key(object, key);
  return value == nullptr ? kEmpty : *value;
}

void read_value(const Document& object, const char* key, std::string& into) {
  if (const std::string* text = find_string(object, key)) into = *text;
}

void read_value(const Document& object, const char* key, Milliseconds& into) {
  const std::string* text = find_string(object, key);
  if (text == nullptr) return;
  if (const auto duration = parse_duration(*text)) into = *duration;
}

void read_value(const Document& object, const char* key, std::optional<Milliseconds>& into) {
  const std::string* text = find_string(object, key);
  if (text != nullptr) into = parse_duration(*text);
}

void read_value(const Document& object, const char* key, bool& into) {
  const Document* value = find_key(object, key);
  if (value != nullptr && value->is_boolean()) into = value->get<bool>();
}

void read_account(const Document& object, const char* key, std::string& into) {
  read_value(object, key, into);
  const Document* value = find_key(object, key);
  constexpr std::uint64_t kNone = std::numeric_limits<std::uint32_t>::max();  // not an account
  if (value != nullptr && value->is_number_unsigned() && value->get<std::uint64_t>() < kNone)
    into = value->dump();
}

}  // namespace prefork
