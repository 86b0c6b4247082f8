// Clients that ask again at once, and so stay with one worker: what they must not be taken for.
#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
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

/// Longer than busy_timeout in these tests.
constexpr std::chrono::milliseconds kLong{1500};

// A worker to which the kernel gives no processor for a second is taken for one that hangs, so on a machine
// that is far too busy a client may be cut off. Then the next attempt counts. Without Progress there is none.

/// Whether a client that goes on asking is served for kLong.
bool asker_stays(const std::string& address) {
  HttpClient client(address);
  const auto end = std::chrono::steady_clock::now() + kLong;
  while (std::chrono::steady_clock::now() < end) {
    if (client.get() == 0) return false;
  }
  return true;
}

/// Whether clients that pipeline without end are served for kLong.
bool pipeliners_stay(const std::string& address) {
  std::deque<Pipeliner> pipeliners;
  for (int i = 0; i < 2; ++i) pipeliners.emplace_back(address);
  const auto any_ended = [&] {
    return std::any_of(pipeliners.begin(), pipeliners.end(),
                       [](const Pipeliner& each) { return each.ended(); });
  };
  if (holds_within(kLong, any_ended)) return false;
  for (const Pipeliner& each : pipeliners) {
    const int answers = each.answers();
    eventually("answers come", [&] { return each.answers() > answers || each.ended(); });
  }
  return !any_ended();
}

}  // namespace

TEST_CASE("busy_timeout is for one request, not for a client that goes on asking") {
  std::string more = R"("health": {"busy_timeout": "1s"})";
  SUBCASE("its worker may park its connection") { more += R"(, "keep_alive": {"park": true})"; }
  SUBCASE("its worker keeps its connection") {}
  SupervisorUnderTest supervisor(
      PoolText{.command = {"supervisor-worker", "http"}, .workers = 4, .more = more});
  supervisor.wait_for_idle(4);
  eventually("a client stays longer", [&] { return asker_stays(supervisor.address()); });
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

TEST_CASE("busy_timeout is for one request, not for a client that pipelines without end") {
  SupervisorUnderTest supervisor(
      PoolText{.command = {"supervisor-worker", "http"},
               .workers = 4,
               .more = R"("keep_alive": {"park": true}, "health": {"busy_timeout": "1s"})"});
  supervisor.wait_for_idle(4);
  eventually("clients stay longer", [&] { return pipeliners_stay(supervisor.address()); });
}

TEST_CASE("a stop is soon and clean while clients pipeline without end") {
  SupervisorUnderTest supervisor(PoolText{
      .command = {"supervisor-worker", "http"}, .workers = 4, .more = R"("keep_alive": {"park": true})"});
  supervisor.wait_for_idle(4);
  std::deque<Pipeliner> pipeliners;
  for (int i = 0; i < 2; ++i) pipeliners.emplace_back(supervisor.address());
  for (const Pipeliner& each : pipeliners) {
    eventually("it is at it", [&] { return each.answers() > 20; });
  }
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);  // no worker was killed, no connection cut
}
