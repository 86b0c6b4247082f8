// The client side of the control socket, against a server that does nothing.
#include "supervisor/commands/control_client.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "proto/fd.h"
#include "tests/support/test_directory.h"

using namespace prefork;
using prefork::test::TestDirectory;

namespace {

Fd listen_at(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  REQUIRE(::listen(socket.get(), 1) == 0);
  return socket;
}

/// A server that sends `piece` to its first client, at most each `pause`, as long as the client is there.
class SendingServer {
 public:
  SendingServer(const std::string& path, std::string piece, std::chrono::milliseconds pause)
      : socket_(listen_at(path)), thread_([this, text = std::move(piece), pause] { send(text, pause); }) {}
  SendingServer(const SendingServer&) = delete;
  SendingServer& operator=(const SendingServer&) = delete;
  ~SendingServer() { thread_.join(); }

 private:
  void send(const std::string& text, std::chrono::milliseconds pause) const {
    const Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < end) {
      if (::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
      pollfd gone{.fd = client.get(), .events = POLLRDHUP, .revents = 0};
      if (::poll(&gone, 1, static_cast<int>(pause.count())) > 0) return;
    }
  }

  Fd socket_;
  std::thread thread_;
};

/// The error of a call with a patience of a second, which must not take long.
std::string error_of_call(const std::string& path) {
  const auto begin = std::chrono::steady_clock::now();
  auto client = ControlClient::connect(path, std::chrono::seconds(1));
  REQUIRE(client);
  const auto answer = client.value().call("status", nlohmann::ordered_json::object());
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  return answer ? "" : answer.error().message();
}

}  // namespace

TEST_CASE("FAULTS 170: an answer that trickles, or events without an end, do not hold up a command") {
  const TestDirectory directory;
  const char* piece = "x";
  SUBCASE("bytes without an end") {}
  SUBCASE("events without an end") { piece = "{\"method\": \"event\"}\n"; }
  const SendingServer server(directory.at("socket"), piece, std::chrono::milliseconds(5));
  CHECK(error_of_call(directory.at("socket")) == "the supervisor has not answered for 1 seconds");
}

TEST_CASE("FAULTS 170: an answer without an end takes a bounded memory") {
  const TestDirectory directory;
  const SendingServer server(directory.at("socket"), std::string(std::size_t{1} << 20, 'x'),
                             std::chrono::milliseconds(0));
  auto client = ControlClient::connect(directory.at("socket"), std::chrono::seconds(15));
  REQUIRE(client);
  const auto answer = client.value().call("status", nlohmann::ordered_json::object());
  REQUIRE(!answer);
  CHECK(answer.error().message() == "the supervisor's answer is too long");
}

TEST_CASE("an answer that does not come is reported once, without an errno, and can be waited for again") {
  const TestDirectory directory;
  const Fd socket = listen_at(directory.at("socket"));
  auto client = ControlClient::connect(directory.at("socket"), std::chrono::seconds(1));
  REQUIRE(client);
  const auto answer = client.value().call("status", nlohmann::ordered_json::object());
  REQUIRE(!answer);
  CHECK(answer.error().message() == "the supervisor has not answered for 1 seconds");
  CHECK(client.value().late());
}

TEST_CASE("FAULTS 197: only a path at which no supervisor listens says that the supervisor has stopped") {
  const TestDirectory directory;
  const auto lost = [&] {
    return ControlClient::lost(ControlClient::connect(directory.at("socket")).error()).message();
  };
  CHECK(lost() == "the supervisor has stopped");
  (void)listen_at(directory.at("socket"));  // and closed again
  CHECK(lost() == "the supervisor has stopped");
  REQUIRE(::unlink(directory.at("socket").c_str()) == 0);
  const Fd other(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, directory.at("socket").data(), directory.at("socket").size());
  REQUIRE(::bind(other.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  CHECK(lost() == "the supervisor has ended the connection, and cannot be reached again: " +
                      directory.at("socket") + ": Protocol wrong type for socket");
}
