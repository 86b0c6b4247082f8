#include "tests/fuzz/admin_property.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "proto/fd.h"
#include "supervisor/admin/agent_connection.h"
#include "supervisor/admin/agent_line.h"
#include "supervisor/admin/http_connection.h"
#include "supervisor/admin/route.h"

namespace prefork::test {
namespace {

/// What a socket's buffer takes of answers to pipelined requests.
constexpr std::size_t kMaxSent = 4096;

const Json& some_status() {
  static const Json status = Json::parse(
      R"({"pools": [{"name": "web", "ready": 1, "wanted": 1, "slots": {"busy": 1, "total": 4}}]})");
  return status;
}

/// Answers with what the request was taken for, and checks that.
class EchoService final : public HttpService {
 public:
  void serve(const Request& request, const std::shared_ptr<HttpConnection>& /*connection*/,
             Answer answer) override {
    Route found = route_of(request, {"ops.example.org"});
    if (auto* done = std::get_if<route::Done>(&found)) return answer(std::move(done->response));
    if (const auto* action = std::get_if<route::Action>(&found)) {
      const bool guarded = request.method == "POST" && !text(action->parameters, "token").empty() &&
                           text(action->parameters, "client") == "client";
      if (!guarded) broken = "an action has no token: " + line_of(action->parameters);
    } else if (request.method != "GET" && request.method != "HEAD") {
      broken = "a path was read with " + request.method;
    }
    answer(text_response(200, "found"));
  }

  std::string broken;
};

/// What comes back when a client sends `bytes` and then nothing more.
template <typename Start>
std::string conversation(IoContext& io, std::string_view bytes, const Start& start) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return "no socket";
  const Fd client(ends[0]);
  (void)send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);  // the buffer has room for it
  (void)shutdown(client.get(), SHUT_WR);
  Stream stream(io);
  stream.assign(asio::generic::stream_protocol(AF_UNIX, 0), ends[1]);
  start(std::move(stream));
  io.run();
  std::string received;
  std::array<char, 65536> piece{};
  for (ssize_t size = 0; (size = recv(client.get(), piece.data(), piece.size(), 0)) > 0;)
    received.append(piece.data(), static_cast<std::size_t>(size));
  return received;
}

std::string broken_http(std::string_view bytes) {
  IoContext io(1);
  ConnectionTable table(10);
  EchoService service;
  const std::string received = conversation(io, bytes, [&](Stream stream) {
    const auto connection = std::make_shared<HttpConnection>(std::move(stream), "client", table, service);
    table.add(connection);
    connection->start();
  });
  if (!service.broken.empty()) return service.broken;
  if (!received.empty() && !received.starts_with("HTTP/1.1 "))
    return "an answer begins with " + received.substr(0, 20);
  if (table.size() != 0) return "the connection stays open";
  if (table.unsent != 0) return "bytes that wait are counted wrongly";
  return "";
}

std::string broken_agent(std::string_view bytes) {
  IoContext io(1);
  ConnectionTable table(10);
  const std::string received = conversation(io, bytes, [&](Stream stream) {
    const auto connection = std::make_shared<AgentConnection>(
        std::move(stream), table, [](const std::string& pool, const AgentConnection::Answer& answer) {
          answer(agent_line(some_status(), pool));
        });
    table.add(connection);
    connection->start();
  });
  const bool printable = std::all_of(received.begin(), received.end(), [](char letter) {
    return letter == '\n' || (letter >= ' ' && letter <= '~');
  });
  if (std::count(received.begin(), received.end(), '\n') != 1 || !received.ends_with('\n') || !printable)
    return "the agent's answer is not one line: " + received;
  return table.size() == 0 ? "" : "the agent's connection stays open";
}

}  // namespace

std::string broken_admin_answer(std::string_view bytes) {
  if (bytes.empty()) return "";
  const std::string_view sent = bytes.substr(1, kMaxSent);
  return (bytes.front() & 1) != 0 ? broken_agent(sent) : broken_http(sent);
}

}  // namespace prefork::test
