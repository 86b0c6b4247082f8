// The schema, the defaults in config.h and the documentation say the same.
#include "config/schema.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "config/program.h"
#include "config/schema_words.h"
#include "tests/config/parse.h"

namespace prefork {
namespace {

using nlohmann::json;

const json& schema() {
  static const json kSchema = json::parse(pool_schema());
  return kSchema;
}

struct Key {
  std::string path;  ///< "queue.max"
  const json* node;
};

/// Every key of the file and of a pool, with those inside.
std::vector<Key> keys_in(const json& object, const std::string& prefix) {
  std::vector<Key> keys;
  for (const auto& [name, node] : object.at("properties").items()) {
    keys.push_back({prefix + name, &node});
    for (const json* one : alternatives(schema(), node)) {
      if (!one->contains("properties")) continue;
      for (Key& nested : keys_in(*one, prefix + name + ".")) keys.push_back(std::move(nested));
    }
  }
  return keys;
}

std::vector<Key> all_keys() {
  std::vector<Key> keys = keys_in(schema()["definitions"]["file"], "");
  for (Key& key : keys_in(schema()["definitions"]["pool"], "")) keys.push_back(std::move(key));
  for (Key& key : keys_in(schema()["definitions"]["elastic"], "workers.")) keys.push_back(std::move(key));
  return keys;
}

std::string text_of(const std::string& file) {
  std::ifstream in(std::string(SOURCE_ROOT) + "/" + file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// `members` with every constant default of the schema inside, written out.
json with_defaults(const json& object, json members) {
  for (const auto& [name, node] : object.at("properties").items()) {
    if (!node.contains("default")) continue;
    members[name] = node["default"];
    const json& found = follow(schema(), node);
    if (found.contains("properties")) members[name] = with_defaults(found, json::object());
  }
  return members;
}

void visit(const json& node, const std::set<std::string>& keywords, std::set<std::string>& unknown) {
  if (!node.is_object()) return;
  for (const auto& [key, value] : node.items()) {
    if (!keywords.contains(key)) unknown.insert(key);
    if (key == "properties" || key == "definitions" || value.is_array()) {
      for (const json& child : value) visit(child, keywords, unknown);
    } else if (key != "default") {
      visit(value, keywords, unknown);
    }
  }
}

TEST_SUITE_BEGIN("schema");

TEST_CASE("the embedded schema is the file") { CHECK(pool_schema() == text_of("config/pool.schema.json")); }

TEST_CASE("every key has a description and a default") {
  for (const Key& key : all_keys()) {
    CAPTURE(key.path);
    CHECK(key.node->contains("description"));
    CHECK((key.node->contains("default") || key.node->contains("x-default")));
  }
}

TEST_CASE("a file without keys gets the defaults of the schema") {
  const json nothing = {{"listen", {{"address", "127.0.0.1:0"}}}, {"command", {"true"}}, {"workers", 1}};
  json everything = with_defaults(schema()["definitions"]["pool"], nothing);
  everything = with_defaults(schema()["definitions"]["file"], everything);
  everything["listen"] = with_defaults(schema()["definitions"]["listener"], everything["listen"]);
  CHECK(everything.size() > nothing.size() + 10);
  CHECK(everything["health"].size() == 5);
  Config of_nothing = parsed(nothing.dump());
  // The default is what the kernel allows; in the file it is an order.
  CHECK_FALSE(of_nothing.pools.front().scheduling);
  of_nothing.pools.front().scheduling = Scheduling::kBatch;
  CHECK(parsed(everything.dump()) == of_nothing);

  PoolConfig plain;
  plain.scheduling = Scheduling::kBatch;
  plain.name = Config().name;
  plain.listen.resize(1);
  plain.listen.front().host = "127.0.0.1";
  plain.command = {"true"};
  plain.executable = "/usr/bin/true";
  plain.pinned = pin_program("/usr/bin/true", "");
  Config expected;
  expected.pools = {plain};
  CHECK(parsed(everything.dump()) == expected);
}

TEST_CASE("the short form has every key of the file and of a pool") {
  std::set<std::string> expected;
  for (const char* part : {"file", "pool"}) {
    for (const auto& [name, node] : schema()["definitions"][part]["properties"].items())
      expected.insert(name);
  }
  std::set<std::string> known;
  for (const auto& [name, node] : schema()["definitions"]["one_pool"]["properties"].items()) {
    known.insert(name);
    CHECK(follow(schema(), node).is_object());
  }
  CHECK(known == expected);
}

TEST_CASE("the schema uses only keywords that can be put into words") {
  const std::set<std::string> keywords = {"$schema",       "title",
                                          "description",   "default",
                                          "x-default",     "x-aliases",
                                          "x-allowed",     "x-meant",
                                          "x-maximum",     "x-binary",
                                          "x-max-bytes",   "definitions",
                                          "$ref",          "if",
                                          "then",          "else",
                                          "allOf",         "anyOf",
                                          "type",          "enum",
                                          "minimum",       "maximum",
                                          "minLength",     "maxLength",
                                          "pattern",       "items",
                                          "minItems",      "maxItems",
                                          "minProperties", "maxProperties",
                                          "propertyNames", "properties",
                                          "required",      "additionalProperties"};
  std::set<std::string> unknown;
  visit(schema(), keywords, unknown);
  for (const std::string& keyword : unknown) FAIL_CHECK(keyword);
}

TEST_CASE("rules for names are references") {
  // The validator mistakes a rule that stands there itself for the object around it.
  CHECK(schema()["definitions"]["several_pools"]["properties"]["pools"]["propertyNames"].contains("$ref"));
  CHECK(schema()["definitions"]["pool"]["properties"]["environment"]["propertyNames"].contains("$ref"));
}

TEST_CASE("the documentation has every key, with its default") {
  const std::string text = text_of("docs/configuration.md");
  REQUIRE_FALSE(text.empty());
  for (const Key& key : all_keys()) {
    CAPTURE(key.path);
    const std::size_t row = text.find("\n| `" + key.path + "` |");
    REQUIRE(row != std::string::npos);
    const json shown = key.node->value("default", json());
    if (shown.is_null() || shown.is_object()) continue;
    const std::string line = text.substr(row + 1, text.find('\n', row + 1) - row - 1);
    CHECK_MESSAGE(line.find("`" + shown.dump() + "`") != std::string::npos, line);
  }
}

TEST_CASE("the examples of the documentation load without a warning") {
  const std::string text = text_of("docs/configuration.md") + text_of("docs/balancing.md");
  const std::string begin = "\n```json\n";
  int examples = 0;
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const std::size_t from = at + begin.size();
    std::string example = text.substr(from, text.find("```", from) - from);
    CAPTURE(example);
    // Only the worker's program is not at hand.
    for (const std::string program : {"\"supervisor-worker\"", "\"./worker.py\""}) {
      for (std::size_t place = 0; (place = example.find(program)) != std::string::npos;) {
        example.replace(place, program.size(), "\"true\"");
      }
    }
    REQUIRE(mistakes(example).empty());
    CHECK(warned_of(example).empty());
    ++examples;
  }
  CHECK(examples > 0);
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
