// Reads members of the supervisor's answers. A member that is missing, or of another kind, is what an older
// or newer supervisor sends: it reads as null, 0 or empty, and never throws.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace prefork {

using Json = nlohmann::ordered_json;

[[nodiscard]] inline const Json& member(const Json& object, const char* key) {
  static const Json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(key);
  return found == object.end() ? kNone : *found;
}

[[nodiscard]] inline double number(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number() ? value.get<double>() : 0;
}

[[nodiscard]] inline std::string text(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

[[nodiscard]] inline bool is_true(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_boolean() && value.get<bool>();
}

/// On one line. Bytes that are not UTF-8 are replaced.
[[nodiscard]] inline std::string line_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace prefork
