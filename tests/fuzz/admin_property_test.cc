#include "tests/fuzz/admin_property.h"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <random>

namespace prefork {
namespace {

using test::broken_admin_answer;

constexpr std::array<const char*, 6> kAsked = {
    "GET /metrics?workers=1 HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: ops.example.org\r\n\r\n",
    "POST /api/scale HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nContent-Length: "
    "13\r\n\r\n{\"workers\":1}",
    "POST /api/stop HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nTransfer-Encoding: "
    "chunked\r\n\r\n"
    "2\r\n{}\r\n0\r\n\r\n",
    "HEAD /worker.json?pool=a%20b&worker=7 HTTP/1.1\r\nHost: [::1]:80\r\nLast-Event-ID: 5\r\n\r\n",
    "web\n",
};

// Seeded with a constant, so that a failure comes back.
TEST_CASE("bytes of clients that a few changes have broken get answers of the right form, or none") {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    CAPTURE(round);
    std::string bytes(1, round % 8 == 0 ? '\1' : '\0');
    for (auto count = 1 + random() % 3; count > 0; --count) bytes += kAsked.at(random() % kAsked.size());
    for (auto changes = random() % 4; changes > 0; --changes)
      bytes[1 + random() % (bytes.size() - 1)] = static_cast<char>(random() & 0xff);
    if (random() % 4 == 0) bytes.resize(1 + random() % bytes.size());
    const std::string broken = broken_admin_answer(bytes);
    REQUIRE_MESSAGE(broken.empty(), broken);
  }
}

}  // namespace
}  // namespace prefork
