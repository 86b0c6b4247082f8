// The environment of a program that has a connection as its input and output.
#include "worker/program/inetd/ucspi.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "proto/fd.h"
#include "tests/support/test_directory.h"

namespace prefork::test {
namespace {

using worker::ucspi_of;
using Variables = std::vector<std::string>;

/// Both ends of a connection to a listener at `address`.
template <typename Address>
std::pair<Fd, Fd> connection_over(Address address, socklen_t size, int family_of_client = 0) {
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const int family = generic->sa_family;
  const Fd listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(listener.get(), generic, size) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  socklen_t got = sizeof(address);
  REQUIRE(::getsockname(listener.get(), generic, &got) == 0);
  Fd client(::socket(family_of_client == 0 ? family : family_of_client, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (family_of_client == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4.sin_port = reinterpret_cast<sockaddr_in6*>(&address)->sin6_port;
    REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&v4), sizeof(v4)) == 0);
  } else {
    REQUIRE(::connect(client.get(), generic, got) == 0);
  }
  return {std::move(client), Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))};
}

std::string port_of(const Fd& socket, bool of_peer) {
  sockaddr_in6 address{};  // the port is at the same place in both families
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE((of_peer ? ::getpeername : ::getsockname)(socket.get(), generic, &size) == 0);
  return std::to_string(ntohs(address.sin6_port));
}

std::string value_of(const Variables& variables, const std::string& name) {
  for (const std::string& one : variables) {
    if (one.starts_with(name + '=')) return one.substr(name.size() + 1);
  }
  return "(none)";
}

TEST_CASE("IPv4: the names of ucspi-tcp") {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto [client, socket] = connection_over(address, sizeof(address));
  CHECK(ucspi_of(socket.get()) == Variables{"PROTO=TCP", "TCPLOCALIP=127.0.0.1",
                                            "TCPLOCALPORT=" + port_of(socket, false), "TCPREMOTEIP=127.0.0.1",
                                            "TCPREMOTEPORT=" + port_of(socket, true)});
}

TEST_CASE("IPv6: the names of ucspi-tcp6, and those of ucspi-tcp") {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const auto [client, socket] = connection_over(address, sizeof(address));
  const std::string local = port_of(socket, false);
  const std::string remote = port_of(socket, true);
  CHECK(ucspi_of(socket.get()) == Variables{"PROTO=TCP6", "TCPLOCALIP=::1", "TCPLOCALPORT=" + local,
                                            "TCPREMOTEIP=::1", "TCPREMOTEPORT=" + remote, "TCP6LOCALIP=::1",
                                            "TCP6LOCALPORT=" + local, "TCP6REMOTEIP=::1",
                                            "TCP6REMOTEPORT=" + remote});
}

TEST_CASE("an IPv4 client of an IPv6 listener counts as IPv4") {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  const auto [client, socket] = connection_over(address, sizeof(address), AF_INET);
  const Variables variables = ucspi_of(socket.get());
  CHECK(value_of(variables, "PROTO") == "TCP");
  CHECK(value_of(variables, "TCPREMOTEIP") == "127.0.0.1");
  CHECK(value_of(variables, "TCP6REMOTEIP") == "(none)");
}

TEST_CASE("unix: the path, and the process that has connected") {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const TestDirectory directory;
  std::string name = directory.at("socket");
  std::string shown = name;
  SUBCASE("a path") {}
  SUBCASE("an abstract name") {
    shown = "@inetd-" + std::to_string(::getpid());
    name = std::string(1, '\0') + shown.substr(1);
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const auto [client, socket] = connection_over(address, size);
  const Variables variables = ucspi_of(socket.get());
  CHECK(value_of(variables, "PROTO") == "UNIX");
  CHECK(value_of(variables, "UNIXLOCALPATH") == shown);
  CHECK(value_of(variables, "UNIXREMOTEPID") == std::to_string(::getpid()));
  CHECK(value_of(variables, "UNIXREMOTEUID") == std::to_string(::geteuid()));
  CHECK(value_of(variables, "UNIXREMOTEEUID") == std::to_string(::geteuid()));
  CHECK(value_of(variables, "UNIXREMOTEGID") == std::to_string(::getegid()));
}

TEST_CASE("a client that has reset its connection leaves out its address") {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto [client, socket] = connection_over(address, sizeof(address));
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  REQUIRE(::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
  client.reset();
  const Variables variables = ucspi_of(socket.get());
  CHECK(value_of(variables, "PROTO") == "TCP");
  CHECK(value_of(variables, "TCPLOCALIP") == "127.0.0.1");
  CHECK(value_of(variables, "TCPREMOTEIP") == "(none)");
}

}  // namespace
}  // namespace prefork::test
