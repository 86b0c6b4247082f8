// Clients that ask again at once, and so stay with one worker: what they must not be taken for.
#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <deque>
#include <string>
#include <thread>

#include "tests/e2e/http_client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// A client that asks and asks, without waiting for answers, until its connection ends or it is destroyed.
class Pipeliner {
 public:
  explicit Pipeliner(const std::string& address) : client_(address), thread_([this] { run(); }) {}
  Pipeliner(const Pipeliner&) = delete;
  Pipeliner& operator=(const Pipeliner&) = delete;
  ~Pipeliner() { stopped_ = true, thread_.join(); }

  [[nodiscard]] int answers() const { return answers_; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  void run() {
    // Its length is no divisor of any buffer's: the end of what the worker reads is never the end of a
    // request.
    const std::string request = "GET /?ms=1 HTTP/1.1\r\nHost: client\r\n\r\n";
    std::string unsent;
    while (!stopped_ && !ended_) {
      pollfd state{.fd = client_.descriptor(), .events = POLLIN | POLLOUT, .revents = 0};
      if (::poll(&state, 1, 50) <= 0) continue;
      if ((state.revents & POLLIN) != 0) count_answers();
      if ((state.revents & (POLLERR | POLLHUP)) != 0) ended_ = true;
      while (unsent.size() < 4096) unsent += request;
      const ssize_t sent =
          ::send(client_.descriptor(), unsent.data(), unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) unsent.erase(0, static_cast<std::size_t>(sent));
    }
  }

  void count_answers() {
    const std::string text = client_.receive_some();
    if (text.empty()) ended_ = true;
    // One that comes in two pieces may be missed.
    for (std::size_t at = 0; (at = text.find("200 OK", at)) != std::string::npos; ++at) ++answers_;
  }

  Client client_;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<int> answers_ = 0;
  std::thread thread_;
};

/// A client that asks, each time when it has its answer, until its connection ends.
class Asker {
 public:
  explicit Asker(const std::string& address) : client_(address), thread_([this] { run(); }) {}
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  ~Asker() { thread_.join(); }

  [[nodiscard]] int answers() const { return answers_; }

 private:
  void run() {
    while (client_.get() != 0) ++answers_;
  }

  HttpClient client_;
  std::atomic<int> answers_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("busy_timeout is for one request, not for a client that goes on asking") {
  SupervisorUnderTest supervisor(
      PoolText{.command = {"supervisor-worker", "http"},
               .workers = 4,
               .more = R"("keep_alive": {"park": true}, "health": {"busy_timeout": "1s"})"});
  supervisor.wait_for_idle(4);
  HttpClient client(supervisor.address());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < end) REQUIRE(client.get() != 0);
  CHECK(supervisor.pool()["crashes"] == 0);
}

TEST_CASE("FAULTS 46: a stop while clients go on asking cuts none off and is clean") {
  SupervisorUnderTest supervisor(PoolText{
      .command = {"supervisor-worker", "http"}, .workers = 4, .more = R"("keep_alive": {"park": true})"});
  supervisor.wait_for_idle(4);
  std::deque<Asker> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(supervisor.address());
  for (const Asker& each : clients) {
    eventually("it is at it", [&] { return each.answers() > 20; });
  }
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);  // no worker was killed, no connection cut
}

TEST_CASE("clients that pipeline without end do not keep others from being served") {
  SupervisorUnderTest supervisor(PoolText{
      .command = {"supervisor-worker", "http"}, .workers = 2, .more = R"("keep_alive": {"park": true})"});
  supervisor.wait_for_idle(2);
  std::deque<Pipeliner> pipeliners;
  for (int i = 0; i < 6; ++i) pipeliners.emplace_back(supervisor.address());
  HttpClient client(supervisor.address());
  CHECK(client.get() != 0);
  for (const Pipeliner& each : pipeliners) {
    eventually("each of them has had its turn", [&] { return each.answers() > 0; });
  }
}

TEST_CASE("a client that pipelines without end is not stuck, and a stop is soon and clean") {
  SupervisorUnderTest supervisor(
      PoolText{.command = {"supervisor-worker", "http"},
               .workers = 4,
               .more = R"("keep_alive": {"park": true}, "health": {"busy_timeout": "1s"})"});
  supervisor.wait_for_idle(4);
  std::deque<Pipeliner> pipeliners;
  for (int i = 0; i < 2; ++i) pipeliners.emplace_back(supervisor.address());
  // An answer takes a millisecond at least: this is twice the timeout.
  for (const Pipeliner& each : pipeliners) {
    eventually("it is at it for long", [&] { return each.answers() > 2000 || each.ended(); });
    CHECK_FALSE(each.ended());
  }
  CHECK(supervisor.pool()["crashes"] == 0);
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);  // no worker was killed, no connection cut
}
