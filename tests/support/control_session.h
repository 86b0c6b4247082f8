// One connection to the supervisor's control socket: events and the status. It fails no test: its caller,
// SupervisorUnderTest, does. If the supervisor ends the connection, as an upgrade in place does, the next
// call connects again and continues after the last event received.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "proto/fd.h"

namespace prefork::test {

/// One event.
struct EventText {
  std::string name;  ///< "worker_ready"
  std::string json;  ///< the whole event

  /// A field; fails the test if there is no field of this name and type.
  [[nodiscard]] std::string text(const std::string& field) const;
  [[nodiscard]] std::int64_t number(const std::string& field) const;
  [[nodiscard]] bool flag(const std::string& field) const;
  [[nodiscard]] std::vector<std::string> list(const std::string& field) const;
};

using EventCondition = std::function<bool(const EventText&)>;

/// A field has this value.
[[nodiscard]] EventCondition where(std::string field, std::string value);
[[nodiscard]] EventCondition where(std::string field, std::int64_t value);

class ControlSession {
 public:
  explicit ControlSession(std::string path) : path_(std::move(path)) {}

  /// Subscribes, and gets all events since the start of the supervisor (its latest 512). False: no supervisor
  /// listens, or it does not answer.
  bool connect();
  /// Whether there is a connection that the supervisor has not ended.
  [[nodiscard]] bool connected();

  /// Waits for the first event of this name for which the condition holds and that no earlier call has
  /// returned. Nothing: it does not come in time.
  std::optional<EventText> wait_for(const std::string& name, const EventCondition& condition);
  /// All such events so far, also the returned ones. All events before the latest status() are among them.
  [[nodiscard]] std::vector<EventText> all(const std::string& name, const EventCondition& condition);
  /// Waits until the supervisor ends the connection.
  bool wait_for_end();

  /// The result of the method `status`, as JSON. Nothing: no supervisor answers.
  std::optional<std::string> status();

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  struct Entry {
    EventText event;
    bool returned = false;
  };

  bool connect(Deadline deadline);
  bool send(const std::string& line);
  /// Waits for some input and takes it. False: the end, or the deadline has passed.
  bool read_some(Deadline deadline);
  void take_line(const std::string& line);

  std::string path_;
  Fd socket_;
  std::string input_;
  std::uint64_t requests_ = 0;
  std::uint64_t answered_ = 0;  ///< the number of the latest request that was answered
  std::string answer_;
  std::vector<Entry> events_;
  std::int64_t last_event_ = 0;
};

}  // namespace prefork::test
