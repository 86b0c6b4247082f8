#include "tests/accept/pool_socket.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tests/support/eventually.h"

namespace prefork::test {
namespace {

struct Name {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] sockaddr* generic() { return reinterpret_cast<sockaddr*>(&storage); }
};

Name unix_name(const std::string& path) {
  Name name;
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof(local.sun_path));
  std::memcpy(local.sun_path, path.data(), path.size());
  const bool abstract = path.front() == '@';
  if (abstract) local.sun_path[0] = '\0';
  std::memcpy(&name.storage, &local, sizeof(local));
  name.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return name;
}

Name tcp_name(const std::string& host, std::uint16_t port) {
  Name name;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (host.front() == '[') {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    REQUIRE(::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6.sin6_addr) == 1);
    std::memcpy(&name.storage, &v6, name.size = sizeof(v6));
  } else {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    REQUIRE(::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1);
    std::memcpy(&name.storage, &v4, name.size = sizeof(v4));
  }
  return name;
}

std::uint16_t port_of(const Fd& socket) {
  Name name;
  name.size = sizeof(name.storage);
  REQUIRE(::getsockname(socket.get(), name.generic(), &name.size) == 0);
  sockaddr_in v4{};
  std::memcpy(&v4, &name.storage, sizeof(v4));  // the port of IPv6 is at the same place
  return ntohs(v4.sin_port);
}

}  // namespace

PoolSocket::PoolSocket(const std::string& address) : address_(address) {
  const bool local = address.starts_with("unix:");
  const std::string host = address.substr(0, address.rfind(':'));
  Name name = local ? unix_name(address.substr(5))
                    : tcp_name(host, static_cast<std::uint16_t>(std::stoi(address.substr(host.size() + 1))));
  socket_.reset(::socket(name.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE_MESSAGE(::bind(socket_.get(), name.generic(), name.size) == 0, address);
  REQUIRE(::listen(socket_.get(), 64) == 0);
  if (!local) address_ = host + ':' + std::to_string(port_of(socket_));
}

Fd PoolSocket::accept() const {
  pollfd state{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
  REQUIRE(::poll(&state, 1, static_cast<int>(patience)) == 1);
  Fd accepted(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(accepted.valid());
  return accepted;
}

}  // namespace prefork::test
