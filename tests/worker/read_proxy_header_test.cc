#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "proto/fd.h"
#include "tests/worker/hosted_worker.h"
#include "tests/worker/proxy_bytes.h"
#include "worker/proxy_header.h"

namespace prefork::test {
namespace {

using namespace worker;
using namespace std::chrono_literals;

const std::string kLine = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";

std::pair<Fd, Fd> stream_pair() {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

void send_all(const Fd& socket, const std::string& bytes) {
  REQUIRE(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}

/// What is unread in the socket now.
std::string unread(const Fd& socket) {
  std::string bytes(64 * 1024, '\0');
  const ssize_t size = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return bytes;
}

int error_of(const Result<ProxyHeader>& header) { return header ? 0 : header.error().code.value(); }

TEST_CASE("a header is read, and not one byte behind it") {
  for (const std::string& bytes :
       {kLine, std::string("PROXY UNKNOWN\r\n"), binary_header(0x11, kEnds4), binary_header(0x00, "", 0x20),
        binary_header(0x21, kEnds6 + proxy_field(0x02, std::string(2000, 'a')))}) {
    for (const std::string& request :
         {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("\n"), std::string()}) {
      const auto [client, socket] = stream_pair();
      send_all(client, bytes + request);
      const auto header = read_proxy_header(socket.get(), 5s);
      REQUIRE_MESSAGE(header.ok(), header.error().message());
      CHECK(header.value().size == bytes.size());
      CHECK(unread(socket) == request);
    }
  }
}

TEST_CASE("a header that comes byte by byte is read, from a blocking socket and from one that is not") {
  for (const int flags : {0, O_NONBLOCK}) {
    for (const std::string& bytes : {kLine, with_checksum(0x21, kEnds6)}) {
      const auto [client, socket] = stream_pair();
      REQUIRE(::fcntl(socket.get(), F_SETFL, flags) == 0);
      std::thread sender([&client = client, &bytes] {
        for (const char byte : bytes + "request") {
          (void)::send(client.get(), &byte, 1, MSG_NOSIGNAL);
          std::this_thread::yield();
        }
        (void)::shutdown(client.get(), SHUT_WR);
      });
      const auto header = read_proxy_header(socket.get(), 5s);
      sender.join();
      REQUIRE(header.ok());
      CHECK(unread(socket) == "request");
      CHECK((::fcntl(socket.get(), F_GETFL) & O_NONBLOCK) == flags);
    }
  }
}

TEST_CASE("FAULTS 321: a header that does not come in time is an error, however slowly its bytes come") {
  for (const std::string& bytes :
       {std::string(), kLine.substr(0, 30), binary_header(0x11, kEnds4).substr(0, 20)}) {
    const auto [client, socket] = stream_pair();
    send_all(client, bytes);
    const auto before = std::chrono::steady_clock::now();
    CHECK(error_of(read_proxy_header(socket.get(), 50ms)) == ETIMEDOUT);
    const auto time = std::chrono::steady_clock::now() - before;
    CHECK(time >= 50ms);
    CHECK(time < 2s);
  }
  const auto [client, socket] = stream_pair();
  CHECK(error_of(read_proxy_header(socket.get(), 0ms)) == ETIMEDOUT);
  CHECK(error_of(read_proxy_header(socket.get(), -1ms)) == ETIMEDOUT);
}

TEST_CASE("FAULTS 321: a client that sends a byte now and then does not extend the time for its header") {
  const auto [client, socket] = stream_pair();
  const std::string bytes = binary_header(0x11, kEnds4 + proxy_field(0x04, std::string(3000, '\0')));
  std::atomic<bool> over = false;
  std::thread sender([&client = client, &bytes, &over] {
    for (std::size_t at = 0; at < bytes.size() && !over; ++at) {
      (void)::send(client.get(), &bytes[at], 1, MSG_NOSIGNAL);
      std::this_thread::sleep_for(5ms);
    }
  });
  const auto before = std::chrono::steady_clock::now();
  CHECK(error_of(read_proxy_header(socket.get(), 100ms)) == ETIMEDOUT);
  CHECK(std::chrono::steady_clock::now() - before < 5s);
  over = true;
  sender.join();
}

TEST_CASE("FAULTS 321: a connection that ends within its header is an error at once") {
  for (const std::string& bytes :
       {std::string(), kLine.substr(0, 30), binary_header(0x11, kEnds4).substr(0, 20)}) {
    auto [client, socket] = stream_pair();
    send_all(client, bytes);
    client.reset();
    CHECK(error_of(read_proxy_header(socket.get(), 60s)) == ECONNRESET);
  }
  CHECK(error_of(read_proxy_header(-1, 10ms)) != 0);
  int pipe_ends[2];
  REQUIRE(::pipe2(pipe_ends, O_CLOEXEC) == 0);
  const Fd reading(pipe_ends[0]), writing(pipe_ends[1]);
  REQUIRE(::write(writing.get(), "P", 1) == 1);
  CHECK(error_of(read_proxy_header(reading.get(), 10s)) == ENOTSOCK);
}

TEST_CASE("FAULTS 320: what is no header is refused with its first bytes, without waiting for more") {
  for (const std::string bytes : {"G", "PROXIED", "\r\nGET", "\x16\x03\x01", "POST / HTTP/1.1\r\n"}) {
    const auto [client, socket] = stream_pair();
    send_all(client, bytes);
    CHECK(error_of(read_proxy_header(socket.get(), 60s)) == EPROTO);
  }
  const auto [client, socket] = stream_pair();
  send_all(client, "PROXY UNKNOWN " + std::string(200, 'x'));
  CHECK(error_of(read_proxy_header(socket.get(), 60s)) == EMSGSIZE);
  const auto [other, long_one] = stream_pair();
  send_all(other, binary_header(0x11, std::string(5000, '\0')).substr(0, 16));
  CHECK(error_of(read_proxy_header(long_one.get(), 60s)) == EMSGSIZE);
}

TEST_CASE("a header that names no client gives the addresses of the connection itself") {
  auto [client, socket] = make_connection();
  client.send(binary_header(0x11, kEnds4, 0x20));
  const auto header = read_proxy_header(socket.get(), 5s);
  REQUIRE(header.ok());
  CHECK(header.value().local);
  sockaddr_storage peer{}, own{};
  socklen_t size = sizeof(peer);
  REQUIRE(::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0);
  REQUIRE(header.value().source.length == size);
  CHECK(std::memcmp(&peer, &header.value().source.address, size) == 0);
  size = sizeof(own);
  REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
  CHECK(std::memcmp(&own, &header.value().destination.address, size) == 0);
}

// Seeded with a constant, so that a failure comes back.
class RandomHeaders {
 public:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  std::string bytes(std::size_t size) {
    std::string result(size, '\0');
    for (char& byte : result) byte = static_cast<char>(random_() & 0xffU);
    return result;
  }
  std::string header() {
    switch (below(4)) {
      case 0: return kLine;
      case 1: return "PROXY UNKNOWN" + std::string(below(100), ' ') + "\r\n";
      case 2: return with_checksum(0x11, kEnds4 + proxy_field(0x05, bytes(below(20))));
      default: return binary_header(0x21, kEnds6 + proxy_field(0x02, bytes(below(300))));
    }
  }
  std::string changed_header() {
    std::string result = header();
    for (std::size_t changes = below(4); changes > 0; --changes) {
      result[below(result.size())] = static_cast<char>(below(256));
    }
    if (below(8) == 0) result.resize(below(result.size() + 1));
    return below(16) == 0 ? bytes(below(200)) : result;
  }

 private:
  std::mt19937 random_{1};
};

TEST_CASE(
    "FAULTS 320: random bytes are read as far as a header goes, or refused, and no byte behind is taken") {
  RandomHeaders random;
  unsigned read = 0;
  for (int round = 0; round < 20'000; ++round) {
    CAPTURE(round);
    const std::string bytes = random.changed_header();
    const std::string all = bytes + random.bytes(random.below(40));
    auto [client, socket] = stream_pair();
    send_all(client, all);
    client.reset();
    const auto header = read_proxy_header(socket.get(), 60s);
    const auto size = proxy_header_size(all);
    if (header.ok()) {
      ++read;
      REQUIRE(size.ok());
      REQUIRE(header.value().size == size.value());
      REQUIRE(unread(socket) == all.substr(size.value()));
      REQUIRE(parse_proxy_header(all.substr(0, size.value())).ok());
    } else if (size.ok() && size.value() > 0 && size.value() <= all.size()) {
      REQUIRE(error_of(parse_proxy_header(all.substr(0, size.value()))) == error_of(header));
    }
  }
  CHECK(read > 5'000);
  CHECK(read < 19'000);
}

}  // namespace
}  // namespace prefork::test
