#include "supervisor/admin/health.h"

#include <cstdint>

namespace prefork {
namespace {

std::string count(const Json& object, const char* key) {
  return std::to_string(static_cast<std::uint64_t>(number(object, key)));
}

std::string missing_file(const Json& pool) {
  for (const Json& listener : member(pool, "listeners")) {
    if (is_true(listener, "file_missing")) return text(listener, "address");
  }
  return "";
}

std::string pool_line(const Json& pool, const std::string& reason) {
  const Json& queue = member(pool, "queue");
  return "pool " + text(pool, "name") + ": " + (reason.empty() ? "ready" : "not ready, " + reason) +
         "; workers " + count(pool, "ready") + " ready of " + count(pool, "wanted") + ", queue " +
         count(queue, "now") + " of " + count(queue, "limit") +
         (is_true(pool, "saturated") ? ", saturated" : "");
}

}  // namespace

std::string not_ready_because(const Json& pool) {
  const Json& queue = member(pool, "queue");
  if (number(pool, "wanted") > 0 && number(pool, "ready") == 0) return "no worker is ready";
  if (number(queue, "limit") > 0 && number(queue, "now") >= number(queue, "limit")) return kQueueIsFull;
  if (const std::string address = missing_file(pool); !address.empty())
    return "the file of " + address + " is missing";
  return "";
}

Verdict readiness(const Json& status) {
  Verdict verdict;
  if (is_true(status, "stopping")) verdict = {false, {"the supervisor is stopping"}};
  for (const Json& pool : member(status, "pools")) {
    if (is_true(pool, "removed")) continue;
    const std::string reason = not_ready_because(pool);
    if (!reason.empty()) verdict.well = false;
    verdict.lines.push_back(pool_line(pool, reason));
  }
  return verdict;
}

}  // namespace prefork
