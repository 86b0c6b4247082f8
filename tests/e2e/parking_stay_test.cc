// Clients that ask again at once, and so stay with one worker: what they must not be taken for.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include "tests/e2e/http_client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

TEST_CASE("busy_timeout is for one request, not for a client that goes on asking") {
  SupervisorUnderTest supervisor(
      PoolText{.command = {"supervisor-worker", "http"},
               .workers = 4,
               .more = R"("keep_alive": {"park": true}, "health": {"busy_timeout": "400ms"})"});
  supervisor.wait_for_idle(4);
  HttpClient client(supervisor.address());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < end) REQUIRE(client.get() != 0);
  CHECK(supervisor.pool()["crashes"] == 0);
}

TEST_CASE("FAULTS 46: a stop while clients go on asking cuts nobody off and is clean") {
  SupervisorUnderTest supervisor(PoolText{
      .command = {"supervisor-worker", "http"}, .workers = 4, .more = R"("keep_alive": {"park": true})"});
  supervisor.wait_for_idle(4);
  std::atomic<int> answers = 0;
  std::vector<std::thread> clients;
  clients.reserve(8);
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([address = supervisor.address(), &answers] {
      HttpClient client(address);
      while (client.get() != 0) ++answers;
    });
  }
  eventually("they are all at it", [&] { return answers > 200; });
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);
  for (std::thread& client : clients) client.join();
  CHECK(supervisor.count_in_log("workers were killed or connections cut") == 0);
}
