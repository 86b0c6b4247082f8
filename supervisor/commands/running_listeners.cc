#include "supervisor/commands/running_listeners.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "supervisor/commands/control_client.h"

namespace prefork {

using Json = nlohmann::ordered_json;

std::optional<std::set<std::string>> running_listeners(const std::string& control, const std::string& file) {
  constexpr std::chrono::seconds kLongest{2};
  if (control.empty()) return std::nullopt;
  auto client = ControlClient::connect(control, kLongest);
  if (!client) return std::nullopt;
  std::set<std::string> addresses;
  try {
    const auto status = client.value().call("status", Json::object());
    if (!status) return std::nullopt;
    std::error_code missing;
    const auto theirs = status.value().at("config_file").get<std::string>();
    if (!std::filesystem::equivalent(theirs, file, missing)) return std::nullopt;
    for (const Json& pool : status.value().at("pools")) {
      for (const Json& listener : pool.at("listeners"))
        addresses.insert(listener.at("address").get<std::string>());
    }
    const Json admin = status.value().value("admin", Json());  // an earlier version has none
    for (const char* key : {"addresses", "agent"}) {
      if (!admin.is_null())
        for (const Json& address : admin.at(key)) addresses.insert(address.get<std::string>());
    }
  } catch (const Json::exception&) {
    return std::nullopt;  // not a supervisor
  }
  return addresses;
}

}  // namespace prefork
