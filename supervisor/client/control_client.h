// The other end of the control socket: connects, asks, reads answers and events. Blocking; one connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

class ControlClient {
 public:
  static constexpr std::chrono::seconds kPatience{60};

  /// `patience`: how long an answer may take. The error's code is ENOENT or ECONNREFUSED when nobody listens
  /// there.
  [[nodiscard]] static Result<ControlClient> connect(const std::string& path,
                                                     std::chrono::seconds patience = kPatience);

  /// The result of a method; events that come before it are dropped.
  [[nodiscard]] Result<nlohmann::ordered_json> call(const std::string& method,
                                                    const nlohmann::ordered_json& parameters);
  /// The next event, however long it takes; nothing when the supervisor has gone.
  [[nodiscard]] std::optional<nlohmann::ordered_json> next_event();
  /// Returns when the supervisor has closed the connection.
  void await_end();

 private:
  ControlClient(Fd socket, std::chrono::seconds patience);
  /// Without its newline.
  [[nodiscard]] Result<std::string> read_line();
  void set_patience(std::chrono::seconds patience);

  Fd socket_;
  std::chrono::seconds patience_;
  std::string input_;
};

}  // namespace prefork
