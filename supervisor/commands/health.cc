#include "supervisor/commands/health.h"

#include <cstdint>
#include <nlohmann/json.hpp>

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

std::string pool_line(const Json& pool, bool fine) {
  const auto number = [&](const char* key) { return std::to_string(pool.value(key, std::uint64_t{0})); };
  std::string text = "pool " + pool.value("name", "") + ": " + (fine ? "fine" : "not healthy") + ", ";
  if (pool.value("wanted", 0) == 0) return text + "meant to have no workers";
  text += number("ready") + " of " + number("wanted") + " workers ready";
  if (pool.value("start_failures", 0) > 0)
    text += "; new workers die, " + number("start_failures") + " in a row";
  return text;
}

}  // namespace

Health judge_health(const Json& status) {
  Health health;
  if (status.value("stopping", false)) {
    health.healthy = false;
    health.lines.emplace_back("the supervisor is stopping");
  }
  for (const Json& pool : status.value("pools", Json::array())) {
    if (pool.value("removed", false)) continue;
    const bool fine = pool.value("wanted", 0) == 0 || pool.value("ready", 0) > 0;
    health.healthy = health.healthy && fine;
    health.lines.push_back(pool_line(pool, fine));
  }
  return health;
}

}  // namespace prefork
