#include "supervisor/client/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

Result<void> send_all(const Fd& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return system_error("the supervisor takes no request");
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

}  // namespace

ControlClient::ControlClient(Fd socket, std::chrono::seconds patience)
    : socket_(std::move(socket)), patience_(patience) {
  set_patience(patience);
}

Result<ControlClient> ControlClient::connect(const std::string& path, std::chrono::seconds patience) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path)) return Error{path + ": too long for the path of a socket"};
  std::memcpy(name.sun_path, path.data(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) < 0)
    return system_error(path);
  return ControlClient(std::move(socket), patience);
}

void ControlClient::set_patience(std::chrono::seconds patience) {
  const timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

Result<std::string> ControlClient::read_line() {
  std::array<char, 65536> buffer;
  std::size_t searched = 0;
  for (;;) {
    const std::size_t end = input_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      return line;
    }
    searched = input_.size();
    const ssize_t received = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == EAGAIN)
      return Error{"the supervisor has not answered for " + std::to_string(patience_.count()) + " seconds"};
    if (received < 0) return system_error("the supervisor has closed the connection");
    if (received == 0) return Error{"the supervisor has closed the connection"};
    input_.append(buffer.data(), static_cast<std::size_t>(received));
  }
}

Result<Json> ControlClient::call(const std::string& method, const Json& parameters) {
  const Json request = {{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", parameters}};
  // One that is refused may find the connection closed already; the reason can still be read.
  const auto sent = send_all(socket_, request.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n');
  for (;;) {
    const auto line = read_line();
    if (!line) return sent ? line.error() : sent.error();
    const Json answer = Json::parse(line.value(), nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object()) return Error{"the supervisor's answer is not JSON-RPC"};
    if (answer.contains("method")) continue;  // an event
    if (const auto error = answer.find("error"); error != answer.end() && error->is_object())
      return Error{error->value("message", "refused")};
    if (const auto result = answer.find("result"); result != answer.end()) return *result;
    return Error{"the supervisor's answer is not JSON-RPC"};
  }
}

std::optional<Json> ControlClient::next_event() {
  set_patience(std::chrono::seconds(0));
  for (;;) {
    const auto line = read_line();
    if (!line) return std::nullopt;
    const Json event = Json::parse(line.value(), nullptr, /*allow_exceptions=*/false);
    if (event.is_object() && event.contains("method") && event.contains("params")) return event["params"];
  }
}

void ControlClient::await_end() {
  while (next_event()) {
  }
}

}  // namespace prefork
