#include "config/listen_address.h"

#include <doctest/doctest.h>

namespace prefork {
namespace {

using Kind = ListenAddress::Kind;

ListenAddress address(std::string_view text) {
  auto parsed = parse_listen_address(text);
  if (!parsed) FAIL(parsed.error().message());
  return std::move(parsed).value();
}

std::string fault(std::string_view text) {
  const auto parsed = parse_listen_address(text);
  REQUIRE_FALSE(parsed.ok());
  return parsed.error().message();
}

TEST_SUITE_BEGIN("listen_address");

TEST_CASE("an address that is parsed and written again is the same") {
  for (const char* text : {"127.0.0.1:8080", "[::1]:8080", ":8080", "localhost:0", "a-b.example.org:65535",
                           "unix:/run/x.sock", "unix:@x", "unix:@/x y"}) {
    CAPTURE(text);
    CHECK(address(text).text() == text);
  }
}

TEST_CASE("each form has its kind") {
  CHECK(address(":80").kind == Kind::kTcp);
  CHECK(address(":80").host.empty());
  CHECK(address("unix:/x").kind == Kind::kUnixPath);
  CHECK(address("unix:@x").kind == Kind::kUnixAbstract);
  CHECK(address("unix:@x").path == "x");
}

TEST_CASE("hosts are normalized, so that two spellings are one place") {
  CHECK(address("[0:0::0001]:80").host == "::1");
  CHECK(address("LocalHost:80").host == "localhost");
  CHECK(same_place(address("[::1]:80"), address("[0::1]:80")));
  CHECK_FALSE(same_place(address("[::1]:80"), address("[::1]:81")));
  CHECK_FALSE(same_place(address("unix:/x"), address("unix:@/x")));
}

TEST_CASE("an IPv4 address that is written as IPv6 is that IPv4 address") {
  CHECK(address("[::ffff:127.0.0.1]:80").text() == "127.0.0.1:80");
  CHECK(address("[::FFFF:7f00:1]:80").text() == "127.0.0.1:80");
  CHECK(same_place(address("[::ffff:10.0.0.1]:80"), address("10.0.0.1:80")));
  CHECK(address("[::1:ffff:127.0.0.1]:80").host.find(':') != std::string::npos);
}

TEST_CASE("a malformed address is refused with the reason") {
  CHECK(fault("localhost") == R"(the port is missing: "host:port" or ":port")");
  CHECK(fault("8080") == R"(a port on all addresses is written ":8080")");
  CHECK(fault("") == R"(the port is missing: "host:port" or ":port")");
  CHECK(fault(":65536") == "the port must be a number from 0 to 65535");
  CHECK(fault("a:") == "the port must be a number from 0 to 65535");
  CHECK(fault("a:-1") == "the port must be a number from 0 to 65535");
  CHECK(fault("a:80x") == "the port must be a number from 0 to 65535");
  CHECK(fault("::1:80") == R"(an IPv6 address is written in brackets: "[::1]:8080")");
  CHECK(fault("[::1:80") == R"(the "]" is missing)");
  CHECK(fault("[::1]") == R"(":" and a port from 0 to 65535 must follow "]")");
  CHECK(fault("[::1]80") == R"(":" and a port from 0 to 65535 must follow "]")");
  CHECK(fault("[::g]:80") == "the text in brackets is not an IPv6 address such as ::1");
  CHECK(fault("[127.0.0.1]:80") == "the text in brackets is not an IPv6 address such as ::1");
  CHECK(fault("127.0.1:80") == "the host is not an IPv4 address such as 127.0.0.1");
  CHECK(fault("256.0.0.1:80") == "the host is not an IPv4 address such as 127.0.0.1");
  CHECK(fault("*:80") == R"(all addresses are written ":port")");
  CHECK(fault("a b:80") ==
        R"(the host is neither an address nor a name; a name has letters, digits, "-", "." and "_")");
  CHECK(fault("tcp://a:80") == R"(an address has no scheme and no path: "a:80")");
  CHECK(fault("http://127.0.0.1:8080/x") == R"(an address has no scheme and no path: "127.0.0.1:8080")");
  CHECK(fault("http:127.0.0.1:80") == R"(there is more than one ":": "host:port" or ":port")");
  CHECK(fault("unix:") == R"(the path of a socket must follow "unix:" (or "@" and a name))");
  CHECK(fault("unix:/run/") == R"(the path of a socket cannot end in "/")");
  CHECK(fault("unix:@") == R"(the name after "unix:@" is missing)");
  CHECK(fault("/run/x.sock") == R"(the path of a unix socket is written "unix:/path")");
  CHECK(fault("systemd:") == R"(the FileDescriptorName= of a .socket unit must follow "systemd:")");
  CHECK(fault("systemd:a:b") == R"(the FileDescriptorName= of a .socket unit must follow "systemd:")");
}

TEST_CASE("the path of a unix socket fits its address") {
  CHECK(address("unix:/" + std::string(106, 'x')).path.size() == 107);
  CHECK(fault("unix:/" + std::string(107, 'x')) ==
        "the path is 108 bytes long; the path of a unix socket may have at most 107");
  CHECK(address("unix:@" + std::string(107, 'x')).path.size() == 107);
  CHECK(fault("unix:@" + std::string(108, 'x')) ==
        "the path is 108 bytes long; the path of a unix socket may have at most 107");
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
