// A client of the control socket: connects, sends requests, reads answers and events. Blocking; one
// connection. The commands use it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

class ControlClient {
 public:
  static constexpr std::chrono::seconds kPatience{60};
  /// Maximum size of an answer or an event, in bytes. The status of thousands of workers has a few MiB.
  static constexpr std::size_t kMaxAnswer = std::size_t{64} << 20;

  /// `patience`: the maximum time for connecting, for sending and for an answer as a whole, each.
  [[nodiscard]] static Result<ControlClient> connect(const std::string& path,
                                                     std::chrono::seconds patience = kPatience);
  /// The error of connect() says that no supervisor listens there, and not only that it cannot be reached.
  [[nodiscard]] static bool none_listens(const Error& error);
  /// Why a supervisor that has ended the connection cannot be asked again: the error of connect(), in words.
  [[nodiscard]] static Error lost(const Error& error);

  /// Calls a method and returns its result, or the error's message. Events that come before the answer are
  /// dropped.
  [[nodiscard]] Result<nlohmann::ordered_json> call(const std::string& method,
                                                    const nlohmann::ordered_json& parameters);
  /// The two halves of call(). Answers come in the order of the requests. When the answer is late(), answer()
  /// can be called again.
  [[nodiscard]] Result<void> ask(const std::string& method, const nlohmann::ordered_json& parameters);
  [[nodiscard]] Result<nlohmann::ordered_json> answer();
  /// The last answer() has returned because the patience was over.
  [[nodiscard]] bool late() const { return late_; }
  /// Waits for the next event without a limit; nothing when the supervisor has closed the connection.
  [[nodiscard]] std::optional<nlohmann::ordered_json> next_event();
  /// The pid of the process that listens there, as this process sees it; 0: it has none here.
  [[nodiscard]] pid_t peer() const;

 private:
  ControlClient(Fd socket, std::chrono::seconds patience);
  using Deadline = std::chrono::steady_clock::time_point;

  /// The next answer; events before it are dropped.
  [[nodiscard]] Result<nlohmann::ordered_json> read_reply();
  /// Without its newline.
  [[nodiscard]] Result<std::string> read_line(Deadline deadline);
  /// As recv(2), with EAGAIN at the deadline.
  [[nodiscard]] ssize_t receive_until(Deadline deadline, std::span<char> into) const;
  void set_patience(int which, std::chrono::microseconds patience) const;

  Fd socket_;
  std::chrono::seconds patience_;
  bool late_ = false;
  std::string input_;
};

}  // namespace prefork
