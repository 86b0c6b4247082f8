#include "supervisor/commands/pool_names.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "config/control_path.h"
#include "config/control_place.h"
#include "supervisor/commands/control_client.h"
#include "supervisor/commands/find_supervisor.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

/// More supervisors than that are not asked: each may take a second.
constexpr std::size_t kMostAsked = 3;

std::vector<std::string> sockets_for(const CommandLine& line) {
  if (!line.control.empty()) return {line.control};
  if (line.config_file.empty()) return running_supervisors(runtime_directories());
  const auto named = control_path_of(line.config_file);
  return named ? std::vector<std::string>{named.value()} : std::vector<std::string>();
}

/// As pool.schema.json allows it. Root asks programs of other users, too, and a shell that completes expands
/// what is printed here: bash would run "$(…)".
bool is_pool_name(const std::string& name) {
  constexpr std::size_t kLongest = 64;
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  return !name.empty() && name.size() <= kLongest && std::all_of(name.begin(), name.end(), is_plain);
}

void add_pools_of(const std::string& path, std::set<std::string>& names) {
  auto client = ControlClient::connect(path, std::chrono::seconds(1));
  if (!client) return;
  const auto status = client.value().call("status", Json::object());
  if (!status) return;
  for (const Json& pool : status.value().value("pools", Json::array())) {
    const std::string name = pool.value("name", "");
    if (is_pool_name(name)) names.insert(name);
  }
}

}  // namespace

int print_pool_names(const CommandLine& line, CommandOutput& output) {
  std::vector<std::string> sockets = sockets_for(line);
  if (sockets.size() > kMostAsked) sockets.resize(kMostAsked);
  std::set<std::string> names;
  try {
    for (const std::string& path : sockets) add_pools_of(path, names);
  } catch (const Json::exception&) {
    return kNo;  // not a supervisor
  }
  for (const std::string& name : names) output.print_line(name);
  return kFine;
}

}  // namespace prefork
