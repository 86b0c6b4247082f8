// Which supervisor answers: an upgrade in place keeps its pid and the time of its start, and a supervisor
// that was started anew has another start. In a pid namespace of its own it may have the same pid.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "proto/result.h"
#include "supervisor/commands/control_client.h"

namespace prefork {

class SupervisorStart {
 public:
  using Clock = std::chrono::steady_clock;

  /// `status` was asked for and answered at these times.
  SupervisorStart(const nlohmann::ordered_json& status, Clock::time_point asked, Clock::time_point answered);
  /// False: it is another supervisor.
  [[nodiscard]] bool may_be(const SupervisorStart& other) const {
    return pid_ == other.pid_ && earliest_ <= other.latest_ && other.earliest_ <= latest_;
  }

 private:
  std::int64_t pid_;
  Clock::time_point earliest_, latest_;
};

/// The status of the supervisor `known`, or of any when none is known: then it is known afterwards. An error
/// when another supervisor answers.
[[nodiscard]] Result<nlohmann::ordered_json> status_of_same(ControlClient& client,
                                                            std::optional<SupervisorStart>& known);

}  // namespace prefork
