// What the supervisor tells through its control socket, for tests that wait for something to happen instead
// of for time to pass.
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
  std::string json;  ///< the whole of it

  /// A field; fails the test when there is none of that kind.
  [[nodiscard]] std::string text(const std::string& field) const;
  [[nodiscard]] std::int64_t number(const std::string& field) const;
  [[nodiscard]] bool flag(const std::string& field) const;
  [[nodiscard]] std::vector<std::string> list(const std::string& field) const;
};

/// Subscribes when it is asked for the first time, and gets what has happened since the supervisor started
/// (its latest 512 events).
class EventStream {
 public:
  using Condition = std::function<bool(const EventText&)>;

  explicit EventStream(std::string control) : control_(std::move(control)) {}

  [[nodiscard]] bool connected() const { return client_ != nullptr; }
  /// The next event of this name for which the condition holds and that has not been returned before. Events
  /// of other names stay for later; those of this name that are passed over do not.
  EventText wait_for(const std::string& name, const Condition& condition = {});

 private:
  void read_one();

  std::string control_;
  std::unique_ptr<Client> client_;
  std::string input_;
  std::vector<EventText> events_;
  std::map<std::string, std::size_t> next_;  ///< for each name, from where on to look
};

}  // namespace prefork::test
