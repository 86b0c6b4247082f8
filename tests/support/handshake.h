// A TCP client whose connect() has returned, but whose last segment of the handshake is not sent yet: the
// kernel delays it until the client sends its first bytes, for a fifth of a second at most.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "proto/fd.h"

namespace prefork::test {

/// `address`: numeric IPv4, HOST:PORT.
[[nodiscard]] inline Fd begin_handshake(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  REQUIRE(colon != std::string::npos);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  REQUIRE(::inet_pton(AF_INET, address.substr(0, colon).c_str(), &name.sin_addr) == 1);
  Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int at_once = 0;
  REQUIRE(::setsockopt(client.get(), IPPROTO_TCP, TCP_QUICKACK, &at_once, sizeof(at_once)) == 0);
  REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  return client;
}

}  // namespace prefork::test
