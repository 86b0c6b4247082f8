// The addresses of sockets as a program would bind them.
#include "supervisor/listen/bound_address.h"

#include <doctest/doctest.h>

#include <string>

#include "config/listen_address.h"
#include "supervisor/listen/listen_socket.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

ListenSocket opened(const std::string& text) {
  auto socket = ListenSocket::open(parse_listen_address(text).value());
  REQUIRE(socket.ok());
  return std::move(socket).value();
}

TEST_CASE("the address of a TCP socket has the port that the kernel has chosen") {
  const ListenSocket socket = opened("127.0.0.1:0");
  const BoundAddress bound = bound_address(socket.descriptor());
  CHECK(bound.host == "127.0.0.1");
  CHECK(bound.port == socket.port());
  CHECK(bound.text == "127.0.0.1:" + std::to_string(socket.port()));
}

TEST_CASE("all addresses, and IPv6 ones, are in brackets") {
  const ListenSocket any = opened(":0");
  const BoundAddress bound = bound_address(any.descriptor());
  const std::string port = ":" + std::to_string(any.port());
  CHECK((bound.text == "[::]" + port || bound.text == "0.0.0.0" + port));  // this machine may have no IPv6
  CHECK((bound.host == "::" || bound.host == "0.0.0.0"));
}

TEST_CASE("bytes of a unix socket's name that would end the list are written as numbers") {
  const TempDirectory directory;
  const ListenSocket path = opened("unix:" + directory.at("50%,a b\x7f\xc3\xbc"));
  CHECK(bound_address(path.descriptor()).text == "unix:" + directory.at("50%25%2Ca%20b%7F%C3%BC"));
  const ListenSocket abstract = opened("unix:@bound,%x");
  CHECK(bound_address(abstract.descriptor()).text == "unix:@bound%2C%25x");
  CHECK(bound_address(abstract.descriptor()).host.empty());
}

TEST_CASE("what is no socket has no address") { CHECK(bound_address(-1).text.empty()); }

}  // namespace
}  // namespace prefork
