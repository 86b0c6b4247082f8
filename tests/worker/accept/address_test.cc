#include "worker/accept/address.h"

#include <doctest/doctest.h>

#include <arpa/inet.h>

#include <cstring>
#include <string>

using namespace prefork::accept;

namespace {

Address read(const std::string& text) {
  Address address;
  REQUIRE_MESSAGE(read_address(text.data(), text.size(), address), text);
  return address;
}

bool readable(const std::string& text) {
  Address address;
  return read_address(text.data(), text.size(), address);
}

std::string written(const Address& address) {
  char out[200];
  return {out, write_address(address, out, sizeof(out))};
}

Match match_of(const std::string& bound, const std::string& pool, bool v6_only = false) {
  return match(read(bound), v6_only, read(pool));
}

std::string in_family(const std::string& text, int family) {
  Address address = read(text);
  as_family(address, family);
  return written(address);
}

}  // namespace

TEST_CASE("an address is written as it is read") {
  for (const char* text : {"127.0.0.1:8080", "0.0.0.0:1", "[::]:65535", "[::1]:80", "[fe80::1]:9",
                           "unix:/run/a.sock", "unix:@abstract", "[::ffff:127.0.0.1]:80"}) {
    CHECK(written(read(text)) == text);
  }
  CHECK(written(read("unix:/a%2Cb%25c")) == "unix:/a,b%c");
  CHECK(read("unix:/a").length == offsetof(sockaddr_un, sun_path) + 3);
  CHECK(read("unix:@a").length == offsetof(sockaddr_un, sun_path) + 2);
}

TEST_CASE("what is no address is not read") {
  for (const char* text :
       {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:8o", "localhost:80", "[::1:80",
        "::1:80x", "unix:", "unix:/a%2", "unix:/a%zz", "[]:80"}) {
    CHECK_MESSAGE(!readable(text), text);
  }
  CHECK(readable("unix:/" + std::string(106, 'x')));
  CHECK(!readable("unix:/" + std::string(107, 'x')));
  CHECK(readable("unix:@" + std::string(107, 'x')));
  CHECK(!readable("unix:@" + std::string(108, 'x')));
}

TEST_CASE("text that is too long is cut, with its ending zero") {
  char out[8];
  CHECK(write_address(read("127.0.0.1:8080"), out, sizeof(out)) == 7);
  CHECK(std::string(out) == "127.0.0");
}

TEST_CASE("a program's address matches the pool's by port, and by host or wildcard") {
  CHECK(match_of("127.0.0.1:80", "127.0.0.1:80") == Match::kSame);
  CHECK(match_of("127.0.0.1:81", "127.0.0.1:80") == Match::kNone);
  CHECK(match_of("127.0.0.2:80", "127.0.0.1:80") == Match::kNone);
  CHECK(match_of("0.0.0.0:80", "127.0.0.1:80") == Match::kWildcard);
  CHECK(match_of("127.0.0.1:80", "0.0.0.0:80") == Match::kWildcard);
  CHECK(match_of("[::]:80", "[::1]:80") == Match::kWildcard);
  CHECK(match_of("0.0.0.0:0", "0.0.0.0:0") == Match::kNone);
}

TEST_CASE("a program's address matches one of the other family where its connections could come from there") {
  CHECK(match_of("[::ffff:127.0.0.1]:80", "127.0.0.1:80") == Match::kSame);
  CHECK(match_of("[::ffff:0.0.0.0]:80", "127.0.0.1:80") == Match::kWildcard);
  CHECK(match_of("[::]:80", "127.0.0.1:80") == Match::kOtherFamily);
  CHECK(match_of("[::]:80", "127.0.0.1:80", true) == Match::kNone);
  CHECK(match_of("127.0.0.1:80", "[::]:80") == Match::kOtherFamily);
  CHECK(match_of("0.0.0.0:80", "[::1]:80") == Match::kNone);
  CHECK(match_of("[::1]:80", "127.0.0.1:80") == Match::kNone);
}

TEST_CASE("unix addresses match by their whole name") {
  CHECK(match_of("unix:/a", "unix:/a") == Match::kSame);
  CHECK(match_of("unix:/a", "unix:/ab") == Match::kNone);
  CHECK(match_of("unix:@a", "unix:@a") == Match::kSame);
  CHECK(match_of("unix:@a", "unix:/a") == Match::kNone);
  CHECK(match_of("unix:@a", "127.0.0.1:80") == Match::kNone);
  // Programs give the length with or without the ending zero, or that of the whole structure.
  const Address pool = read("unix:/a");
  for (const std::size_t more : {std::size_t{2}, std::size_t{3}, sizeof(pool.local.sun_path)}) {
    const Address bound(&pool.any, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + more));
    CHECK(match(bound, false, pool) == Match::kSame);
  }
}

TEST_CASE("an address is given in the family that the program knows") {
  CHECK(in_family("127.0.0.1:80", AF_INET6) == "[::ffff:127.0.0.1]:80");
  CHECK(in_family("[::ffff:1.2.3.4]:80", AF_INET) == "1.2.3.4:80");
  CHECK(in_family("[::1]:80", AF_INET) == "127.0.0.1:80");
  CHECK(in_family("[2001:db8::1]:80", AF_INET) == "0.0.0.0:80");
  CHECK(in_family("unix:/a", AF_INET) == "127.0.0.1:0");
  CHECK(in_family("unix:/a", AF_INET6) == "[::1]:0");
  CHECK(in_family("127.0.0.1:80", AF_INET) == "127.0.0.1:80");
}

TEST_CASE("a program with little room gets the beginning of the address and its whole length") {
  const Address address = read("127.0.0.1:80");
  char room[4] = {1, 1, 1, 1};
  socklen_t size = 3;
  give(address, reinterpret_cast<sockaddr*>(room), &size);
  CHECK(size == sizeof(sockaddr_in));
  CHECK(std::memcmp(room, &address.any, 3) == 0);
  CHECK(room[3] == 1);
}
