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

  /// `patience`: how long connecting, sending and an answer may each take. The error's code is ENOENT or
  /// ECONNREFUSED when nobody listens there.
  [[nodiscard]] static Result<ControlClient> connect(const std::string& path,
                                                     std::chrono::seconds patience = kPatience);

  /// The result of a method; events that come before it are dropped.
  [[nodiscard]] Result<nlohmann::ordered_json> call(const std::string& method,
                                                    const nlohmann::ordered_json& parameters);
  /// The two halves of it. Answers come in the order of the requests; one that has not come in time (the
  /// error's code is ETIMEDOUT) can be waited for again.
  [[nodiscard]] Result<void> ask(const std::string& method, const nlohmann::ordered_json& parameters);
  [[nodiscard]] Result<nlohmann::ordered_json> answer();
  /// The next event, however long it takes; nothing when the supervisor has gone.
  [[nodiscard]] std::optional<nlohmann::ordered_json> next_event();
  /// Returns when the supervisor has closed the connection.
  void await_end();

 private:
  ControlClient(Fd socket, std::chrono::seconds patience);
  /// An answer as it came; events before it are dropped.
  [[nodiscard]] Result<nlohmann::ordered_json> read_reply();
  /// Without its newline.
  [[nodiscard]] Result<std::string> read_line();
  void set_patience(int which, std::chrono::seconds patience);

  Fd socket_;
  std::chrono::seconds patience_;
  std::string input_;
};

}  // namespace prefork
