#include "config/schema_words.h"

#include <nlohmann/json.hpp>

#include "proto/joined.h"
#include "proto/utf8.h"

namespace prefork {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxShown = 60;       ///< bytes of a string value
constexpr std::size_t kMaxKeptBytes = 300;  ///< of any text, and of a path, whose end matters most

std::string dumped(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

/// With the length of the text if only its beginning is shown.
std::string quoted(std::string_view text, std::size_t most) {
  const std::string shown = '"' + json_escaped(cut_between_characters(text, most)) + '"';
  return text.size() <= most ? shown : shown + "... (" + std::to_string(text.size()) + " bytes)";
}

std::string enum_text(const json& values) {
  std::vector<std::string> parts;
  for (const json& value : values) parts.push_back(value.dump());
  return (parts.size() == 1 ? "" : "one of ") + joined(parts);
}

std::string string_text(const json& node) {
  if (!node.contains("maxLength")) return "a string";
  return "a string of " + std::to_string(node.value("minLength", 0)) + " to " + node["maxLength"].dump() +
         " characters";
}

std::string type_text(const json& node) {
  const std::string type = node.value("type", "");
  if (type == "integer") return "an integer from " + node["minimum"].dump() + " to " + node["maximum"].dump();
  if (type == "boolean") return "true or false";
  if (type == "string") return string_text(node);
  if (type == "array") return "an array";
  std::vector<std::string> keys;
  const json properties = node.value("properties", json::object());
  for (const auto& [key, value] : properties.items()) keys.push_back(key);
  constexpr std::size_t kMostListed = 12;
  if (keys.size() > kMostListed) return "an object; \"supervisor schema\" prints its keys";
  return keys.empty() ? "an object" : "an object of " + joined(keys);
}

}  // namespace

std::string json_escaped(std::string_view text) {
  const std::string dump = dumped(std::string(cut_between_characters(text, kMaxKeptBytes)));
  return dump.substr(1, dump.size() - 2);
}

std::string in_quotes(std::string_view text) { return quoted(text, kMaxShown); }

std::string path_in_quotes(std::string_view path) { return quoted(path, kMaxKeptBytes); }

std::string value_text(const nlohmann::ordered_json& value) {
  if (value.is_object()) return value.empty() ? "{}" : "an object";
  if (value.is_array()) return value.empty() ? "[]" : "an array";
  if (!value.is_string()) return dumped(value);
  return in_quotes(value.get_ref<const std::string&>());
}

const json& referred(const json& schema, const json& node) {
  return schema.at(json::json_pointer(node["$ref"].get_ref<const std::string&>().substr(1)));
}

const json& follow(const json& schema, const json& node) {
  const json* found = &node;
  while (true) {
    if (found->contains("$ref")) {
      found = &referred(schema, *found);
    } else if (found->contains("allOf")) {
      found = &(*found)["allOf"].front();
    } else {
      return *found;
    }
  }
}

std::vector<const json*> alternatives(const json& schema, const json& node) {
  const json& found = follow(schema, node);
  if (!found.contains("anyOf")) return {&found};
  std::vector<const json*> all;
  for (const json& one : found["anyOf"]) {
    for (const json* nested : alternatives(schema, one)) all.push_back(nested);
  }
  return all;
}

std::string allowed_text(const json& schema, const json& node) {
  std::vector<std::string> parts;
  for (const json* one : alternatives(schema, node)) {
    if (one->contains("x-allowed")) {
      parts.push_back((*one)["x-allowed"].get<std::string>());
    } else if (one->contains("enum")) {
      parts.push_back(enum_text((*one)["enum"]));
    } else {
      parts.push_back(type_text(*one));
    }
  }
  return joined(parts, ", or ");
}

}  // namespace prefork
