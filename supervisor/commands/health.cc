#include "supervisor/commands/health.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "proto/counted.h"
#include "supervisor/control/admin_words.h"
#include "supervisor/control/describe.h"
#include "supervisor/control/reload_words.h"
#include "supervisor/control/rollout_words.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

/// The unix sockets whose file was removed.
std::vector<std::string> unreachable_listeners(const Json& pool) {
  std::vector<std::string> addresses;
  for (const Json& listener : pool.value("listeners", Json::array())) {
    if (listener.value("file_missing", false)) addresses.push_back(listener.value("address", ""));
  }
  return addresses;
}

std::string pool_line(const Json& pool, bool fine) {
  const auto number = [&](const char* key) { return std::to_string(pool.value(key, std::uint64_t{0})); };
  std::string text = "pool " + pool.value("name", "") + ": " + (fine ? "fine" : "not healthy") + ", ";
  if (pool.value("wanted", 0) == 0) {
    text += "meant to have no workers";
  } else {
    // A worker on trial is one more than wanted.
    const std::uint64_t wanted = pool.value("wanted", std::uint64_t{0});
    text += std::to_string(std::min(pool.value("ready", std::uint64_t{0}), wanted)) + " of " +
            counted(wanted, "worker") + " ready";
  }
  if (pool.contains("trial") && pool["trial"].is_number())
    text += "; generation " + number("trial") + " is on trial";
  if (pool.value("start_failures", 0) > 0)
    text += "; new workers die, " + number("start_failures") + " in a row: the log says why";
  for (const std::string& address : unreachable_listeners(pool))
    text += "; the file of " + address + " is missing, a reload opens it anew";
  if (const RolloutRead last = rollout_of(pool); last.verdict.outcome == RolloutOutcome::kFailed)
    text += "; rollout: " + describe(last.verdict, last.ago);
  return text;
}

/// How long connections are still accepted while it stops.
std::string delay_of(const Json& status) {
  const auto left = status.find("stop_delay_left_ms");
  if (left == status.end() || !left->is_number()) return "";
  const std::chrono::duration<double, std::milli> time(left->get<double>());
  return "; connections are accepted for " + describe(std::chrono::duration_cast<Duration>(time)) + " more";
}

}  // namespace

Health judge_health(const Json& status) {
  Health health;
  if (status.value("stopping", false)) {
    health.healthy = false;
    health.lines.push_back("the supervisor is stopping" + delay_of(status));
  }
  for (const Json& pool : status.value("pools", Json::array())) {
    if (pool.value("removed", false)) continue;
    const bool works = pool.value("wanted", 0) == 0 || pool.value("ready", 0) > 0;
    const bool fine = works && unreachable_listeners(pool).empty();
    health.healthy = health.healthy && fine;
    health.lines.push_back(pool_line(pool, fine));
  }
  if (const std::string fault = status.value("log_file_fault", ""); !fault.empty())
    health.lines.push_back("log file: " + fault);
  // The service does not need it: only the page and what asks it miss it.
  if (const auto admin = admin_of(status); admin && admin->failures > 0)
    health.lines.push_back(describe(*admin) + "; connections are served without it");
  if (const auto last = reload_of(status); last && !last->reload.applied) {
    for (std::string& line : describe(last->reload, last->ago)) health.lines.push_back(std::move(line));
  }
  return health;
}

}  // namespace prefork
