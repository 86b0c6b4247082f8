// Which listener of the pool serves the address that a Node program asks for.
#include "supervisor/workers/node_address.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>

namespace prefork {
namespace {

NodeMessage asked(const std::string& address, std::int64_t port, std::int64_t type, std::int64_t flags = 0) {
  NodeMessage message;
  message.address = address;
  message.port = port;
  message.address_type = type;
  message.flags = flags;
  return message;
}

/// Nothing: none of them.
std::optional<ListenerIndex> found(const NodeMessage& message, const std::string& list) {
  const auto target = NodeAddress(message).find_in(list);
  return target ? std::optional(target->listener) : std::nullopt;
}

TEST_CASE("a Node program gets the listener whose address fits best") {
  const std::string list = "0=0.0.0.0:8080,1=127.0.0.1:8080,2=[::1]:8443,7=unix:/run/a%25b,8=unix:@x";
  CHECK(found(asked("", 8080, 4), list) == 0U);  // without a host
  CHECK(found(asked("::", 8080, 6), list) == 0U);
  CHECK(found(asked("0.0.0.0", 8080, 4), list) == 0U);
  CHECK(found(asked("127.0.0.1", 8080, 4), list) == 1U);
  CHECK(found(asked("10.0.0.1", 8080, 4), list) == 0U);
  CHECK(found(asked("::", 8080, 6, /*ipv6Only=*/1), list) == std::nullopt);
  CHECK(found(asked("::1", 8443, 6), list) == 2U);
  CHECK(found(asked("", 8443, 4), list) == 2U);
  CHECK(found(asked("127.0.0.1", 8443, 4), list) == std::nullopt);
  CHECK(found(asked("/run/a%b", -1, -1), list) == 7U);
  CHECK(found(asked("/run/a", -1, -1), list) == std::nullopt);
  CHECK(found(asked("x", -1, -1), list) == std::nullopt);
}

TEST_CASE("a hostile question or a damaged list finds no listener") {
  const std::string list = "0=127.0.0.1:8080";
  for (const std::string host :
       {"127.0.0.1:8080", "a]b", "[", "%", "localhost", "127.0.0.1%25", "fe80::1%eth0"})
    CHECK(found(asked(host, 8080, 4), list) == std::nullopt);
  for (const std::int64_t port :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{65536}, INT64_MAX, INT64_MIN})
    CHECK(found(asked("", port, 4), list) == std::nullopt);
  CHECK(found(asked("/" + std::string(5000, 'x'), -1, -1), list) == std::nullopt);
  CHECK(found(asked("/a%zz", -1, -1), list) == std::nullopt);
  for (const std::string damaged : {"", ",", "=", ",,=,", "0", "127.0.0.1:8080", "x=", "0=127.0.0.1:"})
    CHECK(found(asked("", 8080, 4), damaged).value_or(0) == 0U);  // and no crash
  NodeMessage own = asked("", 8080, 4);
  own.descriptor = 5;
  CHECK(found(own, list) == std::nullopt);
}

}  // namespace
}  // namespace prefork
