#include "supervisor/control/admin_words.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "supervisor/control/describe.h"
#include "supervisor/control/json_text.h"

namespace prefork {

using Json = nlohmann::ordered_json;

std::string describe(const AdminStatus& admin) {
  std::string text = "admin process: " + admin.state;
  if (admin.pid != 0) text += fmt::format(", pid {}", admin.pid);
  for (const std::string& address : admin.addresses) text += ", " + address;
  for (const std::string& address : admin.agent) text += ", agent " + address;
  text += fmt::format("; restarts {}", admin.restarts);
  if (admin.failures == 0) return text;
  text += fmt::format("; fails, {} in a row: {}", admin.failures, admin.failure);
  if (admin.next_attempt) text += "; the next one starts in " + describe(*admin.next_attempt);
  return text;
}

Json to_json(const AdminStatus& admin) {
  return {{"pid", admin.pid},
          {"state", admin.state},
          {"restarts", admin.restarts},
          {"failures", admin.failures},
          {"failure", admin.failure},
          {"next_attempt_ms", admin.next_attempt ? Json(milliseconds(*admin.next_attempt)) : Json(nullptr)},
          {"addresses", admin.addresses},
          {"agent", admin.agent},
          {"actions", admin.actions}};
}

std::optional<AdminStatus> admin_of(const Json& status) {
  const auto member = status.is_object() ? status.find("admin") : status.end();
  if (!status.is_object() || member == status.end() || !member->is_object()) return std::nullopt;
  try {
    AdminStatus read;
    read.pid = member->at("pid").get<pid_t>();
    read.state = member->at("state").get<std::string>();
    read.restarts = member->at("restarts").get<std::uint64_t>();
    read.addresses = member->at("addresses").get<std::vector<std::string>>();
    read.agent = member->at("agent").get<std::vector<std::string>>();
    read.actions = member->at("actions").get<bool>();
    read.failures = member->value("failures", std::uint32_t{0});  // an earlier version has none
    read.failure = member->value("failure", "");
    if (const Json next = member->value("next_attempt_ms", Json()); next.is_number()) {
      const std::chrono::duration<double, std::milli> left(next.get<double>());
      read.next_attempt = std::chrono::duration_cast<Duration>(left);
    }
    return read;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;  // another version's
  }
}

}  // namespace prefork
