#include "supervisor/commands/supervisor_start.h"

#include <nlohmann/json.hpp>

namespace prefork {
namespace {

constexpr std::chrono::milliseconds kRounding{1};

SupervisorStart::Clock::duration uptime_in(const nlohmann::ordered_json& status) {
  const std::chrono::duration<double, std::milli> uptime(status.value("uptime_ms", 0.0));
  return std::chrono::duration_cast<SupervisorStart::Clock::duration>(uptime);
}

}  // namespace

SupervisorStart::SupervisorStart(const nlohmann::ordered_json& status, Clock::time_point asked,
                                 Clock::time_point answered)
    : pid_(status.value("pid", std::int64_t{0})),
      earliest_(asked - uptime_in(status) - kRounding),
      latest_(answered - uptime_in(status) + kRounding) {}

Result<nlohmann::ordered_json> status_of_same(ControlClient& client, std::optional<SupervisorStart>& known) {
  const auto asked = SupervisorStart::Clock::now();
  auto status = client.call("status", nlohmann::ordered_json::object());
  if (!status) return status;
  const SupervisorStart start(status.value(), asked, SupervisorStart::Clock::now());
  if (!known) known = start;
  if (!start.may_be(*known)) return Error{"the supervisor has stopped, and another one answers now"};
  return status;
}

}  // namespace prefork
