#include "supervisor/commands/running_supervisor.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "config/relative_path.h"
#include "supervisor/commands/control_client.h"

namespace prefork {

using Json = nlohmann::ordered_json;

namespace {

void add_addresses(const Json& status, std::set<std::string>& addresses) {
  for (const Json& pool : status.at("pools")) {
    for (const Json& listener : pool.at("listeners"))
      addresses.insert(listener.at("address").get<std::string>());
  }
  const Json admin = status.value("admin", Json());  // an earlier version has none
  for (const char* key : {"addresses", "agent"}) {
    if (admin.is_null()) continue;
    for (const Json& address : admin.at(key)) addresses.insert(address.get<std::string>());
  }
}

}  // namespace

std::optional<RunningSupervisor> running_supervisor(const std::string& control, const std::string& file,
                                                    std::chrono::seconds patience) {
  if (control.empty()) return std::nullopt;
  auto client = ControlClient::connect(control, patience);
  if (!client) return std::nullopt;
  RunningSupervisor running;
  try {
    const auto status = client.value().call("status", Json::object());
    if (!status) return std::nullopt;
    std::error_code missing;
    const auto theirs = status.value().at("config_file").get<std::string>();
    const bool same = theirs == absolute_path(file) || std::filesystem::equivalent(theirs, file, missing);
    if (!same) return std::nullopt;
    add_addresses(status.value(), running.listeners);
    if (status.value().value("pid", pid_t{0}) == client.value().peer()) {
      running.pid = client.value().peer();
      const auto spawners = status.value().value("spawners", std::vector<pid_t>());
      if (!spawners.empty()) running.spawner = spawners.front();
    }
    if (const Json from = status.value().value("seccomp_from", Json()); from.is_number_unsigned())
      running.seccomp_from = from.get<std::size_t>();
  } catch (const Json::exception&) {
    return std::nullopt;  // not a supervisor
  }
  return running;
}

}  // namespace prefork
