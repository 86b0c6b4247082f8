// The tables of enums and the schema's enums have the same texts, and each text is read as a value of its
// own.
#include "config/choice_names.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "config/schema.h"
#include "config/schema_words.h"
#include "tests/config/parse.h"

namespace prefork {
namespace {

using nlohmann::json;
using Texts = std::set<std::string>;

struct Choice {
  std::vector<std::string> path;  ///< of the key: {"queue", "order"}
  Texts texts;
};

/// The keys inside of `object` that have a choice. A key with only one value offers none.
void find_choices(const json& schema, const json& object, const std::vector<std::string>& path,
                  std::vector<Choice>& found) {
  for (const auto& [name, node] : object.at("properties").items()) {
    std::vector<std::string> inner = path;
    inner.push_back(name);
    for (const json* one : alternatives(schema, node)) {
      const json values = one->value("enum", json::array());
      if (values.size() > 1) found.push_back({inner, values.get<Texts>()});
      if (one->contains("properties")) find_choices(schema, *one, inner, found);
    }
  }
}

std::vector<Choice> choices_of_the_schema() {
  const json schema = json::parse(pool_schema());
  std::vector<Choice> found;
  find_choices(schema, schema["definitions"]["file"], {}, found);
  find_choices(schema, schema["definitions"]["pool"], {}, found);
  return found;
}

template <typename Enum>
Texts texts_of() {
  Texts texts;
  for (const auto& choice : kChoiceNames<Enum>) texts.insert(std::string(choice.text));
  return texts;
}

/// The configuration with this value at the key.
Config with(const std::vector<std::string>& path, const json& value) {
  json members = value;
  for (auto name = path.rbegin(); name != path.rend(); ++name) members = json{{*name, members}};
  members.update({{"listen", "127.0.0.1:0"}, {"command", {"true"}}, {"workers", 1}});
  if (path.back().starts_with("drain")) members["protocol"] = "accept";
  Config config = parsed(members.dump());
  config.text.clear();
  return config;
}

TEST_SUITE_BEGIN("choice names");

TEST_CASE("each text that the schema offers is read as a value of its own") {
  const std::vector<Choice> choices = choices_of_the_schema();
  CHECK(choices.size() == 15);
  for (const Choice& choice : choices) {
    CAPTURE(choice.path.back());
    std::vector<Config> read;
    for (const std::string& text : choice.texts) {
      CAPTURE(text);
      const Config config = with(choice.path, text);
      for (const Config& other : read) CHECK_FALSE(config == other);
      read.push_back(config);
    }
  }
}

TEST_CASE("the tables have the texts of the schema, and no others") {
  std::multiset<Texts> offered;
  for (const Choice& choice : choices_of_the_schema()) offered.insert(choice.texts);
  const std::multiset<Texts> tables = {
      texts_of<StartForm>(),     texts_of<Prefer>(),     texts_of<Hold>(),        texts_of<QueueOrder>(),
      texts_of<QueueFairness>(), texts_of<HalfClosed>(), texts_of<QueueFull>(),   texts_of<KillSignal>(),
      texts_of<Protocol>(),      texts_of<DrainStart>(), texts_of<DrainSignal>(), texts_of<Scheduling>(),
      texts_of<Output>(),        texts_of<LogLevel>(),   texts_of<LogFormat>()};
  CHECK(offered == tables);
}

TEST_CASE("each limit that the schema offers is read as a resource of its own") {
  const json schema = json::parse(pool_schema());
  std::set<int> resources;
  const json names = schema["definitions"]["limit_name"]["enum"];
  for (const json& name : names) {
    const Config config = with({"limits", name.get<std::string>()}, 1);
    REQUIRE(config.pools[0].process.limits.size() == 1);
    resources.insert(config.pools[0].process.limits[0].resource);
  }
  CHECK(resources.size() == names.size());
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
