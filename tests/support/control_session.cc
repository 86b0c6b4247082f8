#include "tests/support/control_session.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "tests/support/eventually.h"

namespace prefork::test {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

template <typename T>
T field_of(const std::string& text, const std::string& field) {
  const json event = json::parse(text);
  REQUIRE_MESSAGE(event.contains(field), field, " is not in ", text);
  return event[field].get<T>();
}

Fd connect_to(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path)) return Fd();
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) < 0) return Fd();
  return socket;
}

steady_clock::time_point in_time() { return steady_clock::now() + kPatience; }

}  // namespace

std::string EventText::text(const std::string& field) const { return field_of<std::string>(json, field); }
std::int64_t EventText::number(const std::string& field) const { return field_of<std::int64_t>(json, field); }
bool EventText::flag(const std::string& field) const { return field_of<bool>(json, field); }
std::vector<std::string> EventText::list(const std::string& field) const {
  return field_of<std::vector<std::string>>(json, field);
}

EventCondition where(std::string field, std::string value) {
  return [field = std::move(field), value = std::move(value)](const EventText& event) {
    return event.text(field) == value;
  };
}

EventCondition where(std::string field, std::int64_t value) {
  return [field = std::move(field), value](const EventText& event) { return event.number(field) == value; };
}

bool ControlSession::connect() { return connect(in_time()); }

bool ControlSession::connect(Deadline deadline) {
  while (!socket_.valid() && steady_clock::now() < deadline) {
    socket_ = connect_to(path_);
    if (!socket_.valid()) return false;
    input_.clear();
    const std::uint64_t request = ++requests_;
    const json subscribe = {
        {"jsonrpc", "2.0"}, {"id", request}, {"method", "subscribe"}, {"params", {{"since", last_event_}}}};
    if (!send(subscribe.dump() + '\n')) continue;  // the supervisor has just replaced its program
    while (answered_ < request && read_some(deadline)) {
    }
    if (answered_ < request) socket_.reset();
  }
  return socket_.valid();
}

bool ControlSession::connected() {
  while (socket_.valid() && read_some(steady_clock::now())) {
  }
  return socket_.valid();
}

std::optional<EventText> ControlSession::wait_for(const std::string& name, const EventCondition& condition) {
  const Deadline deadline = in_time();
  for (std::size_t next = 0;;) {
    for (; next < events_.size(); ++next) {
      auto& [event, returned] = events_[next];
      if (returned || event.name != name || (condition && !condition(event))) continue;
      returned = true;
      return event;
    }
    if (!connect(deadline)) return std::nullopt;
    if (next < events_.size()) continue;
    if (!read_some(deadline) && steady_clock::now() >= deadline) return std::nullopt;
  }
}

std::vector<EventText> ControlSession::all(const std::string& name, const EventCondition& condition) {
  (void)connected();
  std::vector<EventText> found;
  for (const Entry& entry : events_) {
    if (entry.event.name == name && (!condition || condition(entry.event))) found.push_back(entry.event);
  }
  return found;
}

bool ControlSession::wait_for_end() {
  const Deadline deadline = in_time();
  while (socket_.valid() && steady_clock::now() < deadline) (void)read_some(deadline);
  return !socket_.valid();
}

std::optional<std::string> ControlSession::status() {
  const Deadline deadline = in_time();
  while (connect(deadline)) {
    const std::uint64_t request = ++requests_;
    const json status = {{"jsonrpc", "2.0"}, {"id", request}, {"method", "status"}};
    if (!send(status.dump() + '\n')) continue;
    while (answered_ < request && read_some(deadline)) {
    }
    if (answered_ == request) return std::move(answer_);
    if (socket_.valid()) return std::nullopt;
  }
  return std::nullopt;
}

bool ControlSession::send(const std::string& line) {
  const ssize_t sent = ::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(line.size())) {
    while (read_some(in_time())) {  // what came before the end
    }
    socket_.reset();
  }
  return socket_.valid();
}

bool ControlSession::read_some(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
  pollfd state{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&state, 1, static_cast<int>(std::max<long>(left, 0))) != 1) return false;
  std::array<char, 65536> buffer;
  const ssize_t received = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (received <= 0) {
    if (received == 0 || errno == ECONNRESET) socket_.reset();
    return false;
  }
  input_.append(buffer.data(), static_cast<std::size_t>(received));
  for (std::size_t end = 0; (end = input_.find('\n')) != std::string::npos;) {
    take_line(input_.substr(0, end));
    input_.erase(0, end + 1);
  }
  return true;
}

void ControlSession::take_line(const std::string& line) {
  const json message = json::parse(line, nullptr, false);
  if (message.contains("params")) {
    const json& event = message["params"];
    last_event_ = event["seq"].get<std::int64_t>();
    events_.push_back({{event["event"].get<std::string>(), event.dump()}});
  } else if (message.contains("id") && message["id"].is_number()) {
    answered_ = message["id"].get<std::uint64_t>();
    answer_ = message.value("result", json()).dump();
  }
}

}  // namespace prefork::test
