#include "supervisor/commands/control_client.h"

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

constexpr const char* kNoReply = "the supervisor's answer is not JSON-RPC";

/// The result or the error in a reply.
Result<Json> result_of(const Json& reply) {
  if (const auto error = reply.find("error"); error != reply.end() && error->is_object())
    return Error{error->value("message", "refused")};
  if (const auto result = reply.find("result"); result != reply.end()) return *result;
  return Error{kNoReply};
}

Error no_answer(std::chrono::seconds patience) {
  return Error{"the supervisor has not answered for " + std::to_string(patience.count()) + " seconds"};
}

Result<void> send_all(const Fd& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return Error{"the supervisor does not take the request"};
    if (sent < 0) return system_error("the supervisor does not take the request");
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

}  // namespace

ControlClient::ControlClient(Fd socket, std::chrono::seconds patience)
    : socket_(std::move(socket)), patience_(patience) {
  set_patience(SO_SNDTIMEO, patience);  // for connect(2), too
}

Result<ControlClient> ControlClient::connect(const std::string& path, std::chrono::seconds patience) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path)) return Error{path + ": too long for the path of a socket"};
  std::memcpy(name.sun_path, path.data(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("socket");
  ControlClient client(std::move(socket), patience);
  // EAGAIN: the backlog is full, for example because the supervisor is stopped by SIGSTOP.
  if (::connect(client.socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) < 0)
    return errno == EAGAIN ? no_answer(patience) : system_error(path);
  return client;
}

bool ControlClient::none_listens(const Error& error) {
  return error.code.value() == ENOENT || error.code.value() == ECONNREFUSED;
}

Error ControlClient::lost(const Error& error) {
  if (none_listens(error)) return Error{"the supervisor has stopped"};
  return Error{"the supervisor has ended the connection, and cannot be reached again: " + error.what,
               error.code};
}

void ControlClient::set_patience(int which, std::chrono::microseconds patience) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
  const timeval limit{.tv_sec = seconds.count(), .tv_usec = (patience - seconds).count()};
  (void)::setsockopt(socket_.get(), SOL_SOCKET, which, &limit, sizeof(limit));
}

ssize_t ControlClient::receive_until(Deadline deadline, std::span<char> into) const {
  if (deadline != Deadline::max()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return errno = EAGAIN, -1;
    set_patience(SO_RCVTIMEO, left);
  } else {
    set_patience(SO_RCVTIMEO, std::chrono::seconds(0));
  }
  return ::recv(socket_.get(), into.data(), into.size(), 0);
}

Result<std::string> ControlClient::read_line(Deadline deadline) {
  std::array<char, 65536> buffer;
  std::size_t searched = 0;
  late_ = false;
  for (;;) {
    const std::size_t end = input_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      return line;
    }
    if (input_.size() > kMaxAnswer) return Error{"the supervisor's answer is too long"};
    searched = input_.size();
    const ssize_t received = receive_until(deadline, buffer);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == EAGAIN) {
      late_ = true;
      return no_answer(patience_);
    }
    if (received < 0) return system_error("the supervisor has closed the connection");
    if (received == 0) return Error{"the supervisor has closed the connection"};
    input_.append(buffer.data(), static_cast<std::size_t>(received));
  }
}

Result<Json> ControlClient::call(const std::string& method, const Json& parameters) {
  const auto asked = ask(method, parameters);
  const auto reply = read_reply();
  // After a refusal the connection may be closed before the request is sent; the reason can still be read.
  if (!reply) return asked ? reply.error() : asked.error();
  return result_of(reply.value());
}

Result<void> ControlClient::ask(const std::string& method, const Json& parameters) {
  const Json request = {{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", parameters}};
  return send_all(socket_, request.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n');
}

Result<Json> ControlClient::answer() {
  const auto reply = read_reply();
  return reply ? result_of(reply.value()) : reply.error();
}

Result<Json> ControlClient::read_reply() {
  const Deadline deadline = std::chrono::steady_clock::now() + patience_;
  for (;;) {
    const auto line = read_line(deadline);
    if (!line) return line.error();
    Json reply = Json::parse(line.value(), nullptr, /*allow_exceptions=*/false);
    if (!reply.is_object()) return Error{kNoReply};
    if (!reply.contains("method")) return reply;  // otherwise an event
  }
}

std::optional<Json> ControlClient::next_event() {
  for (;;) {
    const auto line = read_line(Deadline::max());
    if (!line) return std::nullopt;
    const Json event = Json::parse(line.value(), nullptr, /*allow_exceptions=*/false);
    if (event.is_object() && event.contains("method") && event.contains("params")) return event["params"];
  }
}

pid_t ControlClient::peer() const {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

}  // namespace prefork
