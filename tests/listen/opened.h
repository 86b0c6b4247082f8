// Listening sockets for tests: opened, or refused with the reason; and what is at the path of a unix socket.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "config/listen_address.h"
#include "proto/fd.h"
#include "supervisor/listen/listen_socket.h"
#include "tests/proto/open_descriptors.h"

namespace prefork::test {

[[nodiscard]] inline ListenAddress address_of(const std::string& text) {
  auto parsed = parse_listen_address(text);
  REQUIRE(parsed.ok());
  return parsed.value();
}

[[nodiscard]] inline ListenSocket opened(const ListenAddress& address) {
  auto socket = ListenSocket::open(address);
  if (!socket) FAIL(socket.error().message());
  return std::move(socket).value();
}
[[nodiscard]] inline ListenSocket opened(const std::string& text) { return opened(address_of(text)); }

/// `more`: descriptors that are opened meanwhile and stay.
[[nodiscard]] inline std::string refusal(const std::string& text, std::size_t more = 0) {
  const std::size_t before = open_descriptors() + more;
  const auto socket = ListenSocket::open(address_of(text));
  REQUIRE_FALSE(socket.ok());
  CHECK(open_descriptors() == before);
  return socket.error().message();
}

[[nodiscard]] inline mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

[[nodiscard]] inline bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

/// A socket file that no process listens on. The socket is bound to it.
inline Fd leave_stale_socket(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  return socket;
}

}  // namespace prefork::test
