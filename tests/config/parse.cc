#include "tests/config/parse.h"

#include <doctest/doctest.h>

#include "config/warnings.h"

namespace prefork {

CommandSearch system_programs() { return {"/usr/bin:/bin", ""}; }

Config parsed(std::string_view text) {
  auto result = parse_config(text, "pool.json", system_programs());
  if (const auto* problems = std::get_if<ConfigProblems>(&result)) FAIL(problems->front().message());
  Config config = std::get<Config>(std::move(result));
  CHECK(config.text == text);
  config.text.clear();  // equal configurations may be written in many ways
  return config;
}

std::vector<std::string> mistakes(std::string_view text) {
  const auto result = parse_config(text, "pool.json", system_programs());
  std::vector<std::string> lines;
  if (const auto* problems = std::get_if<ConfigProblems>(&result)) {
    for (const ConfigProblem& problem : *problems) lines.push_back(problem.message());
  }
  return lines;
}

std::string mistake(std::string_view text) {
  const auto lines = mistakes(text);
  for (const std::string& line : lines) INFO(line);
  REQUIRE(lines.size() == 1);
  return lines.front();
}

std::vector<std::string> warned_of(std::string_view text) {
  Config config = parsed(text);
  config.text = text;
  return setting_warnings(config, "pool.json");
}

std::string pool_with(std::string_view members) {
  return R"({"listen": "127.0.0.1:0", "command": ["true"])" +
         (members.empty() ? "" : ", " + std::string(members)) + "}";
}

}  // namespace prefork
