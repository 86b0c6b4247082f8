#include "worker/proxy_header.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>
#include <string>
#include <vector>

#include "tests/worker/proxy_bytes.h"

namespace prefork::test {
namespace {

using namespace worker;

std::string text_of(const ProxyEnd& end) {
  char text[INET6_ADDRSTRLEN] = "";
  if (end.address.ss_family == AF_INET) {
    const auto& ip = reinterpret_cast<const sockaddr_in&>(end.address);
    CHECK(end.length == sizeof(ip));
    return ::inet_ntop(AF_INET, &ip.sin_addr, text, sizeof(text)) +
           (":" + std::to_string(ntohs(ip.sin_port)));
  }
  if (end.address.ss_family == AF_INET6) {
    const auto& ip = reinterpret_cast<const sockaddr_in6&>(end.address);
    CHECK(end.length == sizeof(ip));
    return ::inet_ntop(AF_INET6, &ip.sin6_addr, text, sizeof(text)) +
           (":" + std::to_string(ntohs(ip.sin6_port)));
  }
  if (end.address.ss_family == AF_UNIX) {
    const auto& path = reinterpret_cast<const sockaddr_un&>(end.address);
    return {path.sun_path, end.length - offsetof(sockaddr_un, sun_path)};
  }
  return "";
}

ProxyHeader parsed(const std::string& bytes) {
  const Result<ProxyHeader> header = parse_proxy_header(bytes);
  REQUIRE_MESSAGE(header.ok(), header.error().message());
  CHECK(header.value().size == bytes.size());
  return header.value();
}

void check_refused(const std::string& bytes, int code = EPROTO) {
  CAPTURE(bytes);
  const Result<ProxyHeader> header = parse_proxy_header(bytes);
  REQUIRE_FALSE(header.ok());
  CHECK(header.error().code.value() == code);
  CHECK(header.error().what.starts_with("PROXY header: "));
}

TEST_CASE("version 1 names the client and what it has connected to") {
  const ProxyHeader four = parsed("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n");
  CHECK(four.version == 1);
  CHECK_FALSE(four.local);
  CHECK(text_of(four.source) == "192.0.2.7:56324");
  CHECK(text_of(four.destination) == "198.51.100.1:443");

  const ProxyHeader six = parsed("PROXY TCP6 2001:db8::7 ::ffff:10.0.0.1 0 65535\r\n");
  CHECK(text_of(six.source) == "2001:db8::7:0");
  CHECK(text_of(six.destination) == "::ffff:10.0.0.1:65535");
}

TEST_CASE("version 1 with UNKNOWN names no client, whatever follows in the line") {
  for (const std::string rest : {"", " ", " TCP4 1.2.3.4", " ffff::1 ffff::2 65535 65535"}) {
    const ProxyHeader header = parsed("PROXY UNKNOWN" + rest + "\r\n");
    CHECK(header.local);
    CHECK(header.source.length == 0);
  }
}

TEST_CASE("version 2 names the client in each family, for streams and datagrams") {
  for (const int protocol : {1, 2}) {
    const ProxyHeader four = parsed(binary_header(0x10 + protocol, kEnds4));
    CHECK(four.version == 2);
    CHECK(text_of(four.source) == "192.0.2.7:56324");
    CHECK(text_of(four.destination) == "198.51.100.1:443");
    const ProxyHeader six = parsed(binary_header(0x20 + protocol, kEnds6));
    CHECK(text_of(six.source) == "2001:db8::7:56324");
    CHECK(text_of(six.destination) == "2001:db8::1:443");
    const std::string longest(108, 'p');
    const ProxyHeader path = parsed(binary_header(0x30 + protocol, padded("/run/client") + longest));
    CHECK(text_of(path.source) == "/run/client");
    CHECK(text_of(path.destination) == longest);
    const ProxyHeader abstract =
        parsed(binary_header(0x30 + protocol, padded(std::string("\0name", 5)) + padded("")));
    CHECK(text_of(abstract.source) == std::string("\0name", 5));
    CHECK(text_of(abstract.destination).empty());
  }
}

TEST_CASE("version 2 with LOCAL or without a family names no client") {
  CHECK(parsed(binary_header(0x00, "", 0x20)).local);
  CHECK(parsed(binary_header(0x11, kEnds4, 0x20)).local);
  CHECK(parsed(binary_header(0xff, "not a family, and not fields", 0x20)).local);
  const ProxyHeader unspecified = parsed(binary_header(0x00, proxy_field(0x05, "id")));
  CHECK(unspecified.local);
  CHECK(*unspecified.field(0x05) == "id");
}

TEST_CASE("the fields of version 2 come to the application as they were sent, without padding") {
  const std::string ssl("\x01\0\0\0\0\x21\0\x07TLSv1.3", 15);
  const ProxyHeader header = parsed(
      binary_header(0x11, kEnds4 + proxy_field(0x02, "example.org") + proxy_field(0x04, "pad") +
                              proxy_field(0x20, ssl) + proxy_field(0xe0, "") + proxy_field(0x02, "second")));
  REQUIRE(header.fields.size() == 4);
  CHECK(*header.field(0x02) == "example.org");
  CHECK(*header.field(0x20) == ssl);
  CHECK(header.field(0xe0)->empty());
  CHECK(header.field(0x01) == nullptr);
  CHECK(header.fields[3].value == "second");
}

TEST_CASE("FAULTS 320: a checksum in version 2 is verified") {
  const std::string good = with_checksum(0x11, kEnds4 + proxy_field(0x05, "one"));
  CHECK(parsed(good).field(0x03)->size() == 4);
  for (std::size_t at = 16; at < good.size() - 8; ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    // In the head of a field it is the structure that is broken.
    const bool head = at >= 28 && at < 31;
    if (!head) check_refused(changed, EBADMSG);
  }
  check_refused(binary_header(0x11, kEnds4 + proxy_field(0x03, "abc")));
  // The example value of RFC 3720, B.4: 32 bytes of zero have the checksum 0x8a9136aa.
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
}

TEST_CASE("FAULTS 320: malformed lines of version 1 are refused") {
  for (const std::string line : {
           "GET / HTTP/1.1",
           "proxy TCP4 1.2.3.4 1.2.3.4 1 1",
           "PROXY",
           "PROXY ",
           "PROXY  TCP4 1.2.3.4 1.2.3.4 1 1",
           "PROXY\tTCP4 1.2.3.4 1.2.3.4 1 1",
           "PROXY TCP5 1.2.3.4 1.2.3.4 1 1",
           "PROXY tcp4 1.2.3.4 1.2.3.4 1 1",
           "PROXY TCP4",
           "PROXY TCP4 ",
           "PROXY TCP4 1.2.3.4",
           "PROXY TCP4 1.2.3.4 1.2.3.4",
           "PROXY TCP4 1.2.3.4 1.2.3.4 1",
           "PROXY TCP4 1.2.3.4 1.2.3.4 1 ",
           "PROXY TCP4 1.2.3.4 1.2.3.4  1 1",
           "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 ",
           "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1",
           "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r",
           "PROXY TCP4 1.2.3 1.2.3.4 1 1",
           "PROXY TCP4 1.2.3.256 1.2.3.4 1 1",
           "PROXY TCP4 1.2.3.04 1.2.3.4 1 1",
           "PROXY TCP4 0x1.2.3.4 1.2.3.4 1 1",
           "PROXY TCP4 ::1 ::1 1 1",
           "PROXY TCP6 1.2.3.4 1.2.3.4 1 1",
           "PROXY TCP6 ::1%lo ::1 1 1",
           "PROXY TCP6 :::1 ::1 1 1",
           "PROXY TCP6 [::1] ::1 1 1",
           "PROXY TCP4 1.2.3.4 1.2.3.4 65536 1",
           "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536",
           "PROXY TCP4 1.2.3.4 1.2.3.4 -1 1",
           "PROXY TCP4 1.2.3.4 1.2.3.4 +1 1",
           "PROXY TCP4 1.2.3.4 1.2.3.4 01 1",
           "PROXY TCP4 1.2.3.4 1.2.3.4 1 00",
           "PROXY TCP4 1.2.3.4 1.2.3.4 1e1 1",
           "PROXY TCP4 1.2.3.4 1.2.3.4 99999999999999999999 1",
           "PROXY UNKNOWNS",
       }) {
    check_refused(line + "\r\n");
  }
  check_refused("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n");
  check_refused("PROXY UNKNOWN\n");
  check_refused("PROXY TCP4 1.2.3.4 1.2.3.4 1 1");
  check_refused("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r");
  check_refused("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\nGET");
  check_refused(std::string("PROXY TCP4 1.2.3.4\0.5 1.2.3.4 1 1\r\n", 35));
  check_refused(std::string("PROXY TCP4 1.2.3.4 1.2.3.4 1\0 1\r\n", 33));
}

TEST_CASE("FAULTS 320: a line of version 1 has 107 bytes at most") {
  const std::string longest = "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n";
  REQUIRE(longest.size() == kMaxProxyLine);
  CHECK(parsed(longest).local);
  check_refused("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", EMSGSIZE);
  check_refused("PROXY UNKNOWN " + std::string(100'000, 'x'), EMSGSIZE);
}

TEST_CASE("FAULTS 320: malformed headers of version 2 are refused") {
  const std::string good = binary_header(0x11, kEnds4);
  for (std::size_t size = 0; size < good.size(); ++size) check_refused(good.substr(0, size));
  check_refused(good + "x");
  for (std::size_t at = 0; at < 12; ++at) {  // the signature
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    check_refused(changed);
  }
  for (const int command : {0x11, 0x01, 0x31, 0xf1, 0x22, 0x2f})
    check_refused(binary_header(0x11, kEnds4, command));
  for (int family = 0x01; family <= 0xff; ++family) {
    const int high = family >> 4, low = family & 0xf;
    const bool known = high >= 1 && high <= 3 && (low == 1 || low == 2);
    if (!known) check_refused(binary_header(family, std::string(300, '\0')));
  }
  check_refused(binary_header(0x11, kEnds4.substr(0, 11)));
  check_refused(binary_header(0x21, kEnds6.substr(0, 35)));
  check_refused(binary_header(0x31, std::string(215, 'p')));
  check_refused(binary_header(0x11, kEnds4 + "x"));
  check_refused(binary_header(0x11, kEnds4 + std::string("\x05\0", 2)));
  check_refused(binary_header(0x11, kEnds4 + std::string("\x05\0\x02i", 4)));
  check_refused(binary_header(0x11, kEnds4 + std::string("\x05\xff\xffi", 4)));
  check_refused(binary_header(0x11, kEnds4 + proxy_field(0x05, "id") + "x"));
}

TEST_CASE("FAULTS 320: a header of version 2 has 4096 bytes at most") {
  const std::string most = kEnds4 + proxy_field(0x04, std::string(kMaxProxyHeader - 16 - 12 - 3, '\0'));
  CHECK(parsed(binary_header(0x11, most)).size == kMaxProxyHeader);
  check_refused(binary_header(0x11, most + "x"), EMSGSIZE);
  check_refused(binary_header(0x00, std::string(65535, '\0'), 0x20), EMSGSIZE);
}

TEST_CASE("the size of a header is known as soon as it can be") {
  const std::string line = "PROXY UNKNOWN\r\n";
  const std::string binary = binary_header(0x11, kEnds4);
  for (std::size_t size = 0; size <= line.size(); ++size) {
    CHECK(proxy_header_size(line.substr(0, size)).value() == (size < line.size() ? 0 : line.size()));
  }
  for (std::size_t size = 0; size <= binary.size(); ++size) {
    CHECK(proxy_header_size(binary.substr(0, size)).value() == (size < 16 ? 0 : binary.size()));
  }
  CHECK(proxy_header_size(line + "GET / HTTP/1.1").value() == line.size());
  CHECK(proxy_header_size(binary + "GET / HTTP/1.1").value() == binary.size());
  CHECK_FALSE(proxy_header_size("G").ok());
  CHECK_FALSE(proxy_header_size("\r\n\r\nX").ok());
}

}  // namespace
}  // namespace prefork::test
