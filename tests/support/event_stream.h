// The events of the supervisor, from its control socket: a test waits for an event instead of sleeping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/client.h"

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

/// Subscribes at the first wait_for(), and gets all events since the start of the supervisor (its latest
/// 512).
class EventStream {
 public:
  using Condition = std::function<bool(const EventText&)>;

  explicit EventStream(std::string control) : control_(std::move(control)) {}

  [[nodiscard]] bool connected() const { return client_ != nullptr; }
  /// The next event of this name for which the condition holds. Events of other names stay for later calls.
  /// Events of this name that do not meet the condition are dropped.
  EventText wait_for(const std::string& name, const Condition& condition = {});

 private:
  void read_one();

  std::string control_;
  std::unique_ptr<Client> client_;
  std::string input_;
  std::vector<EventText> events_;
  std::map<std::string, std::size_t> next_;  ///< for each name, the index of the next event to look at
};

}  // namespace prefork::test
