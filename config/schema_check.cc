#include "config/schema_check.h"

#include <algorithm>
#include <cctype>
#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "config/duration.h"
#include "config/schema.h"
#include "config/schema_judge.h"
#include "config/schema_words.h"
#include "proto/joined.h"
#include "proto/nearest_word.h"

namespace prefork {
namespace {

using nlohmann::json;

bool has_type(const json& node, const Document& value) {
  const std::string type = node.value("type", "");
  return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
         (type == "string" && value.is_string()) || (type == "boolean" && value.is_boolean()) ||
         (type == "integer" && value.is_number_integer());
}

/// A part of the schema, and the pointer of the values that it describes.
struct Place {
  const json* node;
  std::string pointer;
};

void add_inner_places(const json& node, const std::string& pointer, std::deque<Place>& places) {
  if (node.contains("items")) places.push_back({&node["items"], pointer + "/0"});
  if (node.contains("additionalProperties") && node["additionalProperties"].is_object()) {
    places.push_back({&node["additionalProperties"], pointer + "/NAME"});
  }
  if (!node.contains("properties")) return;
  for (const auto& [name, child] : node["properties"].items()) {
    places.push_back({&child, child_pointer(pointer, name)});
  }
}

std::vector<std::string> keys_of(const json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

std::vector<std::string> all_in_quotes(std::vector<std::string> words) {
  for (std::string& word : words) word = in_quotes(word);
  return words;
}

std::string too_many(const Document& value, const json& most) {
  return "has " + std::to_string(value.size()) + " elements; at most " + most.dump() + " are allowed";
}

/// The value of `node`'s enum that is probably meant by `text`: other programs may have another word for it.
std::string meant_choice(const json& node, const std::string& text) {
  std::string word = text;
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const json& pair : node.value("x-meant", json::array())) {
    if (pair.front() == word) return pair.back().get<std::string>();
  }
  return nearest(text, node["enum"].get<std::vector<std::string>>());
}

/// What to do in place of a word that asks for the default; "": it is no such word, or there is no default.
std::string default_hint(const json& node, const Document& value) {
  if (!value.is_string() || (value != "auto" && value != "default")) return "";
  if (!node.contains("x-default") && !node.contains("default")) return "";
  const std::string meant =
      node.contains("x-default") ? node["x-default"].get<std::string>() : node["default"].dump();
  return "; leave the key out for the default: " + meant;
}

/// How a key is looked for: as it is written, or as one of the names that other programs give to it.
enum class Naming { kExact, kAlias };

class Walk {
 public:
  explicit Walk(Problems& problems)
      : schema_(json::parse(pool_schema())), judge_(schema_), problems_(problems) {}

  void check(const Document& document);

 private:
  void value(const json& node, const Document& value, const std::string& pointer);
  void object(const json& node, const Document& value, const std::string& pointer);
  void member(const json& node, const std::string& key, const Document& value, const std::string& pointer);
  void array(const json& node, const Document& value, const std::string& pointer);
  void scalar(const json& node, const Document& value, const std::string& pointer);
  void unknown_key(const json& node, const std::string& key, const std::string& pointer);
  [[nodiscard]] std::string hint(const json& node, const std::string& key, const std::string& pointer) const;

  [[nodiscard]] const json& select(const json& node, const Document& value);
  [[nodiscard]] bool fits(const json& node, const Document& value);
  [[nodiscard]] std::string named(const json& object, const std::string& key, Naming naming) const;
  [[nodiscard]] std::string place_of_flat(const Place& object, const std::string& key) const;
  [[nodiscard]] std::string where_known(Place outermost, const std::string& key,
                                        Naming naming = Naming::kExact) const;
  void refuse(const json& node, const Document& value, const std::string& pointer);

  const json schema_;
  SchemaJudge judge_;
  Problems& problems_;
  const json* form_ = nullptr;  ///< the definition of the file's form: one pool or several
};

void Walk::check(const Document& document) {
  if (document.is_object()) {
    form_ =
        &follow(schema_, judge_.accepts(schema_["if"], json(document)) ? schema_["then"] : schema_["else"]);
    value(*form_, document, "");
  } else {
    refuse(schema_, document, "");
  }
  if (problems_.empty() && !judge_.accepts(schema_, json(document)))
    problems_.add("", "does not fit the schema, which \"supervisor schema\" prints");
}

/// The alternative that has the value's type; the node itself when no alternative has it.
const json& Walk::select(const json& node, const Document& value) {
  const json& found = follow(schema_, node);
  for (const json* one : alternatives(schema_, found)) {
    if (has_type(*one, value)) return *one;
  }
  return found;
}

void Walk::value(const json& node, const Document& value, const std::string& pointer) {
  if (problems_.full()) return;
  const json& selected = select(node, value);
  if (value.is_object() && has_type(selected, value)) {
    object(selected, value, pointer);
  } else if (value.is_array() && has_type(selected, value)) {
    array(selected, value, pointer);
  } else {
    scalar(selected, value, pointer);
  }
}

void Walk::object(const json& node, const Document& value, const std::string& pointer) {
  for (const json& required : node.value("required", json::array())) {
    const auto& key = required.get_ref<const std::string&>();
    if (value.contains(key)) continue;
    problems_.add(pointer, in_quotes(key) + " is missing; it must be " +
                               allowed_text(schema_, node["properties"][key]));
  }
  if (value.size() < node.value("minProperties", std::size_t{0}))
    problems_.add(pointer, "{} is not allowed: it is empty; it must be " + allowed_text(schema_, node));
  if (value.size() > node.value("maxProperties", kMaxElements)) {
    problems_.add(pointer, too_many(value, node["maxProperties"]));
  }
  for (const auto& [key, child] : value.items())
    member(node, key, child, child_pointer(pointer, json_escaped(key)));
}

void Walk::member(const json& node, const std::string& key, const Document& child,
                  const std::string& pointer) {
  if (node.contains("propertyNames")) {
    const json& names = node["propertyNames"];
    if (key.find('\0') != std::string::npos || !judge_.accepts(names, json(key))) {
      const std::string near =
          follow(schema_, names).contains("enum") ? meant_choice(follow(schema_, names), key) : "";
      const std::string what = "the name " + in_quotes(key) + " is not allowed; ";
      problems_.add(pointer, what + (near.empty() ? "it must be " + allowed_text(schema_, names)
                                                  : "did you mean " + in_quotes(near) + "?"));
    }
  }
  if (node.contains("properties") && node["properties"].contains(key)) {
    value(node["properties"][key], child, pointer);
  } else if (node["additionalProperties"].is_object()) {
    value(node["additionalProperties"], child, pointer);
  } else {
    unknown_key(node, key, pointer);
  }
}

void Walk::array(const json& node, const Document& value, const std::string& pointer) {
  const bool too_short = value.size() < node.value("minItems", std::size_t{0});
  const bool too_long = value.size() > node.value("maxItems", kMaxElements);
  if (too_short)
    problems_.add(pointer, "[] is not allowed: it is empty; each element must be " +
                               allowed_text(schema_, node["items"]));
  if (too_long) problems_.add(pointer, too_many(value, node["maxItems"]));
  for (std::size_t i = 0; i < value.size() && !too_long; ++i) {
    this->value(node["items"], value[i], child_pointer(pointer, i));
  }
}

void Walk::scalar(const json& node, const Document& value, const std::string& pointer) {
  if (!fits(node, value)) return refuse(node, value, pointer);
  if (!value.is_string() || node.value("x-binary", false)) return;
  if (value.get_ref<const std::string&>().find('\0') != std::string::npos) {
    problems_.add(pointer, value_text(value) + " is not allowed: it contains a NUL byte");
  }
}

/// Whether the value satisfies the validator and the schema's own annotations.
bool Walk::fits(const json& node, const Document& value) {
  if (value.is_structured() || !judge_.accepts(node, json(value))) return false;
  if (!value.is_string()) return true;
  const auto& text = value.get_ref<const std::string&>();
  if (node.contains("x-maximum")) {
    const auto limit = parse_duration(node["x-maximum"].get_ref<const std::string&>());
    return parse_duration(text) <= limit;
  }
  return text.size() <= node.value("x-max-bytes", text.size());
}

void Walk::refuse(const json& node, const Document& value, const std::string& pointer) {
  std::string what = value_text(value) + " is not allowed; it must be " + allowed_text(schema_, node);
  if (value.is_string() && node.contains("enum")) {
    const std::string near = meant_choice(node, value.get<std::string>());
    if (!near.empty()) what += "; did you mean " + in_quotes(near) + "?";
  }
  problems_.add(pointer, what + default_hint(node, value));
}

void Walk::unknown_key(const json& node, const std::string& key, const std::string& pointer) {
  problems_.add(pointer, "the key " + in_quotes(key) + " is not known here" + hint(node, key, pointer));
}

std::string Walk::hint(const json& node, const std::string& key, const std::string& pointer) const {
  if (const std::string name = named(node, key, Naming::kAlias); !name.empty())
    return "; did you mean " + in_quotes(name) + "?";
  // A file without "pools" has the form of one pool, in which that key is not known.
  if (pointer.rfind('/') == 0) {
    if (const std::string name = named(follow(schema_, schema_["then"]), key, Naming::kAlias); !name.empty())
      return "; did you mean " + in_quotes(name) + "?";
  }
  const std::vector<std::string> known = keys_of(node["properties"]);
  std::string place = where_known({form_, ""}, key);
  if (place.empty()) place = place_of_flat({&node, pointer.substr(0, pointer.rfind('/'))}, key);
  const std::string near = nearest(key, known);
  const std::vector<std::string> longer = with_part(key, known);
  if (place.empty() && !near.empty()) return "; did you mean " + in_quotes(near) + "?";
  if (!longer.empty()) {
    // A key of that name elsewhere is probably not meant, unless it is inside of this object.
    const std::string inside = where_known({&node, pointer.substr(0, pointer.rfind('/'))}, key);
    return "; did you mean " + joined(all_in_quotes(longer), " or ") +
           (inside.empty() ? "?" : ", or does it belong at " + inside + "?");
  }
  if (!place.empty()) return "; it belongs at " + place;
  if (const std::string other = where_known({form_, ""}, key, Naming::kAlias); !other.empty())
    return "; did you mean " + other + "?";
  constexpr std::size_t kShort = 12;
  if (known.size() > kShort) return "; \"supervisor schema\" prints all keys";
  return known.empty() ? "" : "; known here: " + joined(known);
}

/// "log_level" is "level" in "log": the place of a key that is written with the name of its object.
std::string Walk::place_of_flat(const Place& object, const std::string& key) const {
  for (std::size_t end = key.find_first_of("_.-"); end != std::string::npos;
       end = key.find_first_of("_.-", end + 1)) {
    const std::string outer = key.substr(0, end);
    if (named(*object.node, outer, Naming::kExact).empty()) continue;
    for (const json* inner : alternatives(schema_, (*object.node)["properties"][outer])) {
      if (const std::string name = named(*inner, key.substr(end + 1), Naming::kExact); !name.empty())
        return child_pointer(child_pointer(object.pointer, outer), name);
    }
  }
  return "";
}

/// The key of `object` that has this name; empty when it has none.
std::string Walk::named(const json& object, const std::string& key, Naming naming) const {
  if (!object.contains("properties")) return "";
  const json& properties = object["properties"];
  if (naming == Naming::kExact) return properties.contains(key) ? key : "";
  for (const auto& [name, child] : properties.items()) {
    const json* node = &child;
    while (node->contains("$ref")) node = &referred(schema_, *node);
    const json aliases = node->value("x-aliases", json::array());
    if (std::find(aliases.begin(), aliases.end(), key) != aliases.end()) return name;
  }
  return "";
}

/// The place of a key of this name inside of a part of the schema; the outermost one if there are several.
std::string Walk::where_known(Place outermost, const std::string& key, Naming naming) const {
  std::deque<Place> places{std::move(outermost)};
  while (!places.empty()) {
    const Place place = places.front();
    places.pop_front();
    for (const json* node : alternatives(schema_, *place.node)) {
      if (const std::string name = named(*node, key, naming); !name.empty())
        return child_pointer(place.pointer, name);
      add_inner_places(*node, place.pointer, places);
    }
  }
  return "";
}

}  // namespace

void check_against_schema(const Document& document, Problems& problems) { Walk(problems).check(document); }

}  // namespace prefork
