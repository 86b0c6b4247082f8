#include "supervisor/admin/agent_line.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "supervisor/admin/health.h"
#include "supervisor/admin/present_pools.h"

namespace prefork {
namespace {

/// A weight of 0 % would take the server out, and it still serves. Steps keep it from changing at each check.
constexpr std::uint64_t kStep = 10;

/// What one line can hold.
std::string printable(std::string words) {
  for (char& letter : words) {
    if (letter < ' ' || letter > '~') letter = '?';
  }
  return words;
}

std::string down(const std::string& reason) { return "down # " + printable(reason) + '\n'; }

struct Room {
  std::uint64_t busy = 0;
  std::uint64_t slots = 0;

  /// In percent, rounded to the nearest step.
  [[nodiscard]] std::uint64_t weight() const {
    const std::uint64_t free = slots - std::min(busy, slots);
    const std::uint64_t steps = (free * (100 / kStep) * 2 + slots) / (slots * 2);
    return std::max(kStep, steps * kStep);
  }
};

std::optional<Room> room_of(const Json& pool) {
  const Json& slots = member(pool, "slots");
  Room room{static_cast<std::uint64_t>(std::max(0.0, number(slots, "busy"))),
            static_cast<std::uint64_t>(std::max(0.0, number(slots, "total")))};
  return room.slots > 0 ? std::optional(room) : std::nullopt;
}

std::vector<const Json*> pools_of(const Json& status, std::string_view name) {
  std::vector<const Json*> chosen;
  for (const Json* pool : present_pools(status)) {
    if (name.empty() ? !is_true(*pool, "removed") : text(*pool, "name") == name) chosen.push_back(pool);
  }
  return chosen;
}

}  // namespace

std::string agent_pool(std::string_view sent) {
  sent = sent.substr(0, sent.find('\n'));
  const auto is_space = [](char letter) { return letter == ' ' || letter == '\t' || letter == '\r'; };
  while (!sent.empty() && is_space(sent.front())) sent.remove_prefix(1);
  while (!sent.empty() && is_space(sent.back())) sent.remove_suffix(1);
  return std::string(sent);
}

std::string agent_line(const Json& status, std::string_view pool) {
  if (!status.is_object()) return down("the supervisor does not answer");
  if (is_true(status, "stopping")) return "drain\n";
  const std::vector<const Json*> chosen = pools_of(status, pool);
  if (chosen.empty())
    return down(pool.empty() ? "there is no pool" : "there is no pool " + std::string(pool));
  std::optional<Room> fullest;
  for (const Json* one : chosen) {
    if (is_true(*one, "removed")) return "drain\n";
    if (number(*one, "ready") == 0) return down("no worker is ready");
    if (const std::string reason = not_ready_because(*one); !reason.empty() && reason != kQueueIsFull)
      return down(reason);
    const auto room = room_of(*one);
    if (room && (!fullest || room->weight() < fullest->weight())) fullest = room;
  }
  if (!fullest) return "up ready\n";
  return "up ready " + std::to_string(fullest->weight()) + "% maxconn:" + std::to_string(fullest->slots) +
         '\n';
}

}  // namespace prefork
