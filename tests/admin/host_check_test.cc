#include "supervisor/admin/host_check.h"

#include <doctest/doctest.h>

#include <string>

namespace prefork {
namespace {

TEST_CASE("addresses, localhost and configured names are this server's") {
  const std::vector<std::string> names = {"ops.example.org"};
  for (const char* host : {"127.0.0.1", "127.0.0.1:9465", "[::1]", "[::1]:80", "10.1.2.3", "localhost",
                           "LOCALHOST:80", "localhost.", "ops.example.org", "Ops.Example.ORG:443"}) {
    CHECK_MESSAGE(host_allowed(host, names), host);
  }
  for (const char* host :
       {"", ":80", "example.org", "ops.example.org.evil.net", "xops.example.org", "localhost.evil.net",
        "127.0.0.1.evil.net", "1.2.3", "[::1", "[::1]x", "127.0.0.1:80:80", "127.0.0.1:http", "[x]",
        "evil.net#localhost", "localhost:999999"}) {
    CHECK_MESSAGE(!host_allowed(host, names), host);
  }
  CHECK_FALSE(host_allowed(std::string("localhost\0", 10), names));
  CHECK_FALSE(host_allowed("", {""}));
}

TEST_CASE("an origin is the same when its host is") {
  CHECK(same_origin("http://127.0.0.1:9465", "127.0.0.1:9465"));
  CHECK(same_origin("https://ops.example.org", "OPS.example.org"));
  CHECK(same_origin("https://ops.example.org", "ops.example.org:443"));
  CHECK(same_origin("http://ops.example.org:80", "ops.example.org"));
  CHECK_FALSE(same_origin("http://127.0.0.1:9466", "127.0.0.1:9465"));
  CHECK_FALSE(same_origin("null", "127.0.0.1"));
  CHECK_FALSE(same_origin("", ""));
  CHECK_FALSE(same_origin("http://", ""));
  CHECK_FALSE(same_origin("ftp://127.0.0.1", "127.0.0.1"));
}

TEST_CASE("the token of the header") {
  CHECK(bearer_token("Bearer abc") == "abc");
  CHECK(bearer_token("bearer   abc ") == "abc");
  CHECK_FALSE(bearer_token("Basic abc"));
  CHECK_FALSE(bearer_token("Bearer"));
  CHECK_FALSE(bearer_token("Bearer   "));
  CHECK_FALSE(bearer_token(""));
}

}  // namespace
}  // namespace prefork
