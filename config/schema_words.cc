#include "config/schema_words.h"

#include <algorithm>
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
  return keys.empty() ? "an object" : "an object of " + joined(keys);
}

/// The number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last.back();
}

std::string folded(std::string_view word) {
  std::string result(word);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-' || c == ' ') c = '_';
  }
  return result;
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

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  const std::string wanted = folded(word);
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t steps = distance(wanted, folded(candidate));
    if (steps < best_distance && steps < candidate.size()) {
      best = candidate;
      best_distance = steps;
    }
  }
  return best;
}

std::vector<std::string> with_part(std::string_view part, const std::vector<std::string>& known) {
  const std::string wanted = '_' + folded(part) + '_';
  std::vector<std::string> found;
  for (const std::string& candidate : known) {
    if (('_' + folded(candidate) + '_').find(wanted) != std::string::npos) found.push_back(candidate);
  }
  return found;
}

}  // namespace prefork
