#include "supervisor/commands/pool_names.h"

#include <chrono>
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

void add_pools_of(const std::string& path, std::set<std::string>& names) {
  auto client = ControlClient::connect(path, std::chrono::seconds(1));
  if (!client) return;
  const auto status = client.value().call("status", Json::object());
  if (!status) return;
  for (const Json& pool : status.value().value("pools", Json::array())) names.insert(pool.value("name", ""));
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
