#include "tests/support/event_stream.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace prefork::test {
namespace {

using nlohmann::json;

template <typename T>
T field_of(const std::string& text, const std::string& field) {
  const json event = json::parse(text);
  REQUIRE_MESSAGE(event.contains(field), field, " is not in ", text);
  return event[field].get<T>();
}

}  // namespace

std::string EventText::text(const std::string& field) const { return field_of<std::string>(json, field); }
std::int64_t EventText::number(const std::string& field) const { return field_of<std::int64_t>(json, field); }
bool EventText::flag(const std::string& field) const { return field_of<bool>(json, field); }
std::vector<std::string> EventText::list(const std::string& field) const {
  return field_of<std::vector<std::string>>(json, field);
}

EventText EventStream::wait_for(const std::string& name, const Condition& condition) {
  INFO("event: ", name);
  if (!client_) {
    client_ = std::make_unique<Client>("unix:" + control_);
    client_->send(R"({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"since": 0}})"
                  "\n");
  }
  for (std::size_t& next = next_[name];;) {
    while (next == events_.size()) read_one();
    const EventText& event = events_[next++];
    if (event.name == name && (!condition || condition(event))) return event;
  }
}

void EventStream::read_one() {
  std::size_t end = 0;
  while ((end = input_.find('\n')) == std::string::npos) {
    const std::string more = client_->receive_some();
    REQUIRE_MESSAGE(!more.empty(), "the supervisor has closed the control connection");
    input_ += more;
  }
  const json line = json::parse(input_.substr(0, end));
  input_.erase(0, end + 1);
  if (!line.contains("params")) return;  // the answer to subscribe
  events_.push_back({line["params"]["event"].get<std::string>(), line["params"].dump()});
}

}  // namespace prefork::test
