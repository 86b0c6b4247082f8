#include "tests/bench/http_load.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/bench/test_server.h"

namespace prefork::bench {
namespace {

using Answer = std::function<std::string(std::string_view request)>;

/// Serves many connections at a time. `answer`: to each request; an empty one closes the connection, and so
/// does one that says so.
class HttpServer {
 public:
  explicit HttpServer(Answer answer)
      : answer_(std::move(answer)), server_([this](int socket) { serve(Fd(::dup(socket))); }) {}

  [[nodiscard]] const sockaddr_in& address() const { return server_.address(); }
  [[nodiscard]] int connections() const { return server_.accepted(); }
  [[nodiscard]] int requests() const { return requests_; }

 private:
  void serve(Fd socket) {
    const std::scoped_lock lock(mutex_);
    threads_.emplace_back([this, socket = std::move(socket)] { converse(socket.get()); });
  }

  void converse(int socket) {
    std::array<char, 1024> buffer;
    for (;;) {
      const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), 0);
      if (size <= 0) break;
      ++requests_;
      const std::string answer = answer_({buffer.data(), static_cast<std::size_t>(size)});
      (void)::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL);
      if (answer.empty() || answer.find("Connection: close") != std::string::npos) break;
    }
    (void)::shutdown(socket, SHUT_RDWR);
  }

  Answer answer_;
  std::atomic<int> requests_ = 0;
  std::mutex mutex_;
  std::vector<std::jthread> threads_;
  TestServer server_;  // last: its thread uses the others
};

std::string hello(std::string_view) { return "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"; }
std::string last_hello(std::string_view) {
  return "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
}
std::string busy(std::string_view) { return "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"; }

HttpLoad load_of(const HttpOptions& options) {
  auto load = HttpLoad::create(options);
  REQUIRE(load.ok());
  return std::move(load).value();
}

TEST_CASE("clients of a closed load keep their connections, and every answer is counted") {
  HttpServer server(hello);
  HttpLoad load = load_of({.server = server.address(), .clients = 4});
  const HttpReport report = load.run_closed(Seconds(0.1));
  REQUIRE(report.phases.size() == 1);
  CHECK(report.phases[0].all.errors() == 0);
  CHECK(static_cast<int>(report.phases[0].all.answered()) == server.requests());
  CHECK(report.connections == 4);
  CHECK(server.connections() == 4);
  CHECK(report.least_answered > 0);
  CHECK(report.mean_answered * 4 == doctest::Approx(server.requests()));
}

TEST_CASE("a closed load goes on when all its clients are done before it waits") {
  // A port where nothing listens refuses within the call.
  const Fd unused(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof(address);
  REQUIRE(::bind(unused.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(unused.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  HttpLoad load = load_of({.server = address, .clients = 2});
  const HttpReport report = load.run_closed(Seconds(0.05));
  CHECK(report.phases[0].all.count(Outcome::kRefused) > 2);
}

TEST_CASE("an answer that comes in pieces is one answer") {
  TestServer server([](int socket) {
    std::array<char, 1024> buffer;
    if (::recv(socket, buffer.data(), buffer.size(), 0) <= 0) return;
    for (const char byte : std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")) {
      (void)::send(socket, &byte, 1, MSG_NOSIGNAL);
      std::this_thread::yield();
    }
    (void)::recv(socket, buffer.data(), buffer.size(), 0);
  });
  HttpLoad load = load_of({.server = server.address(), .clients = 1});
  CHECK(load.warm_up() == 1);
}

TEST_CASE("with a fresh connection for each request there are as many connections") {
  HttpServer server(last_hello);
  HttpLoad load = load_of({.server = server.address(), .clients = 2, .fresh = true});
  const HttpReport report = load.run_open({{.rate = 500, .duration = Seconds(0.2)}});
  CHECK(report.phases[0].all.errors() == 0);
  CHECK(report.phases[0].all.answered() > 50);
  CHECK(report.connections == report.phases[0].all.answered());
}

TEST_CASE("a request meets a connection that is being closed, and is sent again on a new one") {
  // Answers once for each connection, and does not say that it closes.
  std::atomic<int> number = 0;
  HttpServer server([&](std::string_view request) { return ++number % 2 == 1 ? hello(request) : ""; });
  HttpLoad load = load_of({.server = server.address(), .clients = 1});
  const HttpReport report = load.run_closed(Seconds(0.1));
  CHECK(report.phases[0].all.answered() > 1);
  CHECK(report.phases[0].all.errors() == 0);
}

TEST_CASE("requests of an open load that are turned away are errors, and each phase is counted for itself") {
  HttpServer server([](std::string_view request) {
    return request.find("ms=7 ") != std::string_view::npos ? busy(request) : hello(request);
  });
  HttpLoad load = load_of({.server = server.address(), .clients = 8, .long_ms = 7, .long_share = 0.5});
  const HttpReport report =
      load.run_open({{.rate = 1000, .duration = Seconds(0.1)}, {.rate = 200, .duration = Seconds(0.1)}});
  REQUIRE(report.phases.size() == 2);
  CHECK(report.phases[0].all.count(Outcome::kTurnedAway) == report.phases[0].long_ones.errors());
  CHECK(report.phases[0].long_ones.answered() == 0);
  CHECK(report.phases[0].short_ones.errors() == 0);
  CHECK(report.phases[0].short_ones.answered() > report.phases[1].short_ones.answered());
}

TEST_CASE("a client whose patience ends leaves, and its wait counts") {
  std::atomic<bool> done = false;
  HttpServer server([&](std::string_view) {
    done.wait(false);
    return "";
  });
  HttpLoad load = load_of({.server = server.address(), .clients = 0, .patience = Seconds(0.05)});
  const HttpReport report = load.run_open({{.rate = 100, .duration = Seconds(0.1)}});
  done = true;
  done.notify_all();
  const Tally& all = report.phases[0].all;
  CHECK(all.answered() == 0);
  CHECK(all.count(Outcome::kTimedOut) == all.errors());
  CHECK(all.waited(0).count() >= 50);
}

TEST_CASE("what is under way at the end, or waits behind it, counts with the time that it has waited") {
  std::atomic<bool> done = false;
  HttpServer server([&](std::string_view) {
    done.wait(false);
    return "";
  });
  HttpLoad load = load_of({.server = server.address(), .clients = 1, .long_share = 0, .grace = Seconds(0)});
  const HttpReport report = load.run_open({{.rate = 500, .duration = Seconds(0.1)}});
  done = true;
  done.notify_all();
  CHECK(report.phases[0].all.count(Outcome::kTimedOut) > 10);
  CHECK(report.phases[0].all.waited(1).count() > 20);
  CHECK(report.phases[0].prompt.count(Outcome::kTimedOut) == 1);
  CHECK(server.requests() <= 1);
}

}  // namespace
}  // namespace prefork::bench
