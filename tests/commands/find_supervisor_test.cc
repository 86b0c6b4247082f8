// How a supervisor is told to a person that has to choose one, whatever answers at its control socket.
#include "supervisor/commands/find_supervisor.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "tests/commands/answering_server.h"
#include "tests/support/test_directory.h"

using namespace prefork;
using prefork::test::AnsweringServer;
using prefork::test::TestDirectory;

namespace {

std::string described(const std::string& answer) {
  const TestDirectory directory;
  const AnsweringServer server(directory.at("socket"), {answer});
  const std::string text = describe_supervisor(directory.at("socket"));
  const std::string own = "pid " + std::to_string(::getpid());
  CHECK(text.ends_with(", control socket " + directory.at("socket")));
  CHECK(text.find(own) != std::string::npos);
  return text.substr(0, text.find(", control socket "));
}

}  // namespace

TEST_CASE("a supervisor is described by its name, its pid and its file") {
  CHECK(described(R"({"result": {"name": "shop", "config_file": "/etc/shop.json"}})") ==
        "shop, pid " + std::to_string(::getpid()) + ", /etc/shop.json");
}

TEST_CASE("what another user's program answers does not reach the terminal as it is") {
  const std::string text = described(R"({"result": {"name": "\u001b[31mred\n", "config_file": "a\u0007"}})");
  CHECK(std::none_of(text.begin(), text.end(), [](char c) { return c < ' '; }));
  for (const char* answer : {"[]", R"({"result": {"name": 7}})", R"({"result": 7})"})
    CHECK(described(answer).find(", which ") != std::string::npos);
}

TEST_CASE("only sockets at which a process listens are told as running") {
  const TestDirectory directory;
  const std::string stale = directory.at("a.sock");
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, stale.data(), stale.size());
  const Fd bound(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(bound.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  const AnsweringServer server(directory.at("b.sock"), {});
  CHECK(running_supervisors({directory.path(), "/no/such"}) ==
        std::vector<std::string>{directory.at("b.sock")});
}

TEST_CASE("FAULTS 489: sockets that do not answer take three seconds, however many there are") {
  const TestDirectory directory;
  std::vector<Fd> sockets;
  constexpr int kSockets = 8;
  for (int i = 0; i < kSockets; ++i) {
    const std::string path = directory.at(std::to_string(i) + ".sock");
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path.data(), path.size());
    const auto* address = reinterpret_cast<const sockaddr*>(&name);
    const int server = sockets.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)).get();
    REQUIRE(::bind(server, address, sizeof(name)) == 0);
    REQUIRE(::listen(server, 0) == 0);
    const int client = sockets.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)).get();
    REQUIRE(::connect(client, address, sizeof(name)) == 0);  // the backlog is full
  }
  auto begun = std::chrono::steady_clock::now();
  CHECK(running_supervisors({directory.path()}).size() == kSockets);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(kSockets - 1));
  begun = std::chrono::steady_clock::now();  // to find one by its file takes as long again
  CHECK_FALSE(running_with(directory.at("pool.json"), {directory.path()}));
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(kSockets + 2));
}
