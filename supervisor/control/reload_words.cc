#include "supervisor/control/reload_words.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "proto/counted.h"
#include "supervisor/control/describe.h"
#include "supervisor/control/json_text.h"

namespace prefork {

std::vector<std::string> describe(const LastReload& reload, Duration ago) {
  const std::string when = describe(ago) + " ago";
  if (reload.applied) return {"last reload: applied " + when};
  const std::string refused = "last reload: refused " + when + ", nothing has changed: ";
  if (reload.count == 1 && reload.mistakes.size() == 1) return {refused + reload.mistakes.front()};
  std::vector<std::string> lines{refused + counted(reload.count, "mistake")};
  for (const std::string& mistake : reload.mistakes) lines.push_back("  " + mistake);
  if (reload.count > reload.mistakes.size())
    lines.push_back(
        fmt::format("  and {} more: \"supervisor check\" shows all", reload.count - reload.mistakes.size()));
  return lines;
}

nlohmann::ordered_json to_json(const LastReload& reload, Duration ago) {
  return {{"applied", reload.applied},
          {"ago_ms", milliseconds(ago)},
          {"count", reload.count},
          {"mistakes", reload.mistakes}};
}

std::optional<ReloadRead> reload_of(const nlohmann::ordered_json& status) {
  const auto member = status.is_object() ? status.find("reload") : status.end();
  if (!status.is_object() || member == status.end() || !member->is_object()) return std::nullopt;
  try {
    ReloadRead read;
    read.reload.applied = member->at("applied").get<bool>();
    read.reload.count = member->at("count").get<std::uint64_t>();
    read.reload.mistakes = member->at("mistakes").get<std::vector<std::string>>();
    const std::chrono::duration<double, std::milli> ago(member->at("ago_ms").get<double>());
    read.ago = std::chrono::duration_cast<Duration>(ago);
    return read;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;  // another version's
  }
}

}  // namespace prefork
