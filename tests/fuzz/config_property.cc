#include "tests/fuzz/config_property.h"

#include <nss.h>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "config/changes.h"
#include "config/changes_words.h"
#include "config/load.h"
#include "config/problems.h"
#include "config/warnings.h"

namespace prefork::test {
namespace {

using Loaded = std::variant<Config, ConfigProblems>;

constexpr const char* kFile = "pool.json";
/// A problem quotes keys and values of the file, but never as much as it contains.
constexpr std::size_t kMaxMessage = std::size_t{64} * 1024;

bool is_printable(const std::string& line) {
  return std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string broken_line(const std::string& line) {
  if (!is_printable(line)) return "a line for a person is not printable: " + line;
  if (line.size() > kMaxMessage) return "a line for a person has " + std::to_string(line.size()) + " bytes";
  return "";
}

std::string broken_problems(const ConfigProblems& problems) {
  if (problems.empty()) return "refused without a problem";
  if (problems.size() > Problems::kMax + 1) return "more problems than are allowed";
  for (const ConfigProblem& problem : problems) {
    if (problem.what.starts_with(kNotLoaded)) return "a library threw: " + problem.what;
    if (std::string broken = broken_line(problem.message()); !broken.empty()) return broken;
  }
  return "";
}

std::string broken_config(const Config& config) {
  if (config.pools.empty()) return "a configuration without a pool";
  if (!compare_file_keys(config, config).empty()) return "the keys of a file differ from themselves";
  for (const PoolConfig& pool : config.pools) {
    if (compare(pool, pool).any()) return "a pool differs from itself";
  }
  for (const std::string& line : setting_warnings(config, kFile)) {
    if (std::string broken = broken_line(line); !broken.empty()) return broken;
  }
  return "";
}

/// Two configurations differ only in what the log can say.
std::string broken_words(const Config& before, const Config& after) {
  for (const PoolConfig& pool : after.pools) {
    const std::string words = in_words(compare(before.pools.front(), pool), pool);
    if (std::string broken = broken_line(words); !broken.empty()) return broken;
  }
  return "";
}

}  // namespace

std::string broken_load(std::string_view text) {
  static const int kWithoutNetwork = ::__nss_configure_lookup("hosts", "files");
  if (kWithoutNetwork != 0) return "host names cannot be kept from the network";
  const CommandSearch programs{"/usr/bin:/bin", ""};
  const Loaded checked = parse_config(text, kFile, programs);
  // Without the schema the rest of the loading meets every value, as it does after the most problems that are
  // reported.
  const ConfigInForce unchecked = read_in_force({text, nullptr, /*examined=*/true}, kFile, programs);
  if (!unchecked.mistakes.empty()) {
    if (std::string broken = broken_problems(unchecked.mistakes); !broken.empty()) return broken;
  }
  if (const auto* problems = std::get_if<ConfigProblems>(&checked)) return broken_problems(*problems);
  const Config& config = std::get<Config>(checked);
  if (std::string broken = broken_config(config); !broken.empty()) return broken;
  if (!unchecked.mistakes.empty() || unchecked.config != config)
    return "what was accepted is read differently without the schema";
  const auto plain = parse_config(R"({"listen": "127.0.0.1:0", "command": ["true"]})", kFile, programs);
  return broken_words(std::get<Config>(plain), config);
}

}  // namespace prefork::test
