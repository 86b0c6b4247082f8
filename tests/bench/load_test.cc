#include "tests/bench/load.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/test_server.h"

namespace prefork::bench {
namespace {

void echo(int socket) {
  std::array<char, 256> buffer;
  const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), 0);
  if (size > 0) (void)::send(socket, buffer.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL);
}

void answer_ok(int socket) {
  std::array<char, 256> buffer;
  const std::string_view answer = "OK 123\n";
  if (::recv(socket, buffer.data(), buffer.size(), 0) > 0) {
    (void)::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL);
  }
}

void close_at_once(int socket) {
  std::array<char, 256> buffer;
  (void)::recv(socket, buffer.data(), buffer.size(), 0);
}

Driver driver_for(const sockaddr_in& server, Seconds timeout = Seconds(10)) {
  auto driver = Driver::connect_to(server, std::chrono::duration_cast<Clock::duration>(timeout));
  REQUIRE(driver.ok());
  return std::move(driver).value();
}

TEST_CASE("churn counts every exchange that the server saw, and nothing is left under way") {
  TestServer server(echo);
  Driver driver = driver_for(server.address());
  const ChurnReport report = run_churn(driver, {.clients = 4, .duration = Seconds(0.2)});
  CHECK(report.exchanges.answered() > 0);
  CHECK(report.exchanges.errors() == 0);
  CHECK(static_cast<int>(report.exchanges.answered()) == server.accepted());
  CHECK(driver.active() == 0);
}

TEST_CASE("a server that closes without an answer gives errors, not latencies") {
  TestServer server(close_at_once);
  Driver driver = driver_for(server.address());
  const ChurnReport report = run_churn(driver, {.clients = 2, .duration = Seconds(0.05)});
  CHECK(report.exchanges.answered() == 0);
  CHECK(report.exchanges.count(Outcome::kUnanswered) == report.exchanges.errors());
  CHECK(report.exchanges.errors() > 0);
}

TEST_CASE("a port that nobody listens on refuses") {
  sockaddr_in address{};
  { address = TestServer(echo).address(); }
  Driver driver = driver_for(address);
  const ChurnReport report = run_churn(driver, {.clients = 1, .duration = Seconds(0.01)});
  CHECK(report.exchanges.answered() == 0);
  CHECK(report.exchanges.count(Outcome::kRefused) > 0);
}

TEST_CASE("an exchange that never ends is given up after its timeout") {
  std::atomic<bool> done = false;
  TestServer server([&](int) { done.wait(false); });
  Driver driver = driver_for(server.address(), Seconds(0.1));
  driver.begin({.bytes = "x", .answer_size = 1}, Clock::now());
  std::vector<Finished> finished;
  while (finished.empty()) driver.wait(Clock::now() + std::chrono::seconds(5), finished);
  done = true;
  done.notify_all();
  REQUIRE(finished.size() == 1);
  CHECK(finished[0].outcome == Outcome::kTimedOut);
  CHECK(finished[0].latency >= std::chrono::milliseconds(100));
}

TEST_CASE("open load sends as many requests as its rate says, in the given mix") {
  TestServer server(answer_ok);
  Driver driver = driver_for(server.address());
  const OpenReport report =
      run_open(driver, {.rate = 1000, .long_share = 0.2, .seed = 7, .duration = Seconds(0.5)});
  const std::size_t all = report.short_ones.answered() + report.long_ones.answered();
  CHECK(report.short_ones.errors() + report.long_ones.errors() == 0);
  CHECK(all > 400);
  CHECK(all < 600);
  CHECK(static_cast<double>(report.long_ones.answered()) ==
        doctest::Approx(0.2 * static_cast<double>(all)).epsilon(0.4));
}

TEST_CASE("open load that is told to stop ends early, and what is under way is counted") {
  TestServer server(answer_ok);
  Driver driver = driver_for(server.address());
  const auto enough = [&] { return server.accepted() >= 20; };
  const OpenReport report = run_open(driver, {.rate = 1000, .duration = Seconds(60), .stopped = enough});
  CHECK(report.all.answered() >= 20);
  CHECK(report.all.errors() == 0);
  CHECK(report.elapsed < Seconds(30));
  CHECK(driver.active() == 0);
}

TEST_CASE("the same seed makes the same share of long requests") {
  TestServer server(answer_ok);
  const auto sent_with = [&](unsigned seed) {
    Driver driver = driver_for(server.address());
    const OpenReport report = run_open(driver, {.rate = 500, .seed = seed, .duration = Seconds(0.2)});
    return std::pair(report.short_ones.answered(), report.long_ones.answered());
  };
  const auto [short_once, long_once] = sent_with(3);
  const auto [short_again, long_again] = sent_with(3);
  // How many fit into the time is the machine's affair: the last few may be missing from one of them.
  CHECK(static_cast<double>(short_once) == doctest::Approx(static_cast<double>(short_again)).epsilon(0.1));
  CHECK(static_cast<double>(long_once) == doctest::Approx(static_cast<double>(long_again)).epsilon(0.3));
}

}  // namespace
}  // namespace prefork::bench
