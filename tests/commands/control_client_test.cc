// The client side of the control socket, against a server that does nothing.
#include "supervisor/commands/control_client.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

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

}  // namespace

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
