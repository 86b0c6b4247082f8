// A pool whose size follows the load.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

std::string file(const std::string& workers, const std::string& more = "") {
  return R"({"listen": "127.0.0.1:0", "command": ["supervisor-worker", "line"], "workers": )" + workers +
         more + ", " + kWithControl + "}";
}

/// So many clients at once, each of which keeps a worker busy for two seconds.
std::vector<std::unique_ptr<Client>> burst(const std::string& address, int clients) {
  std::vector<std::unique_ptr<Client>> all;
  for (int i = 0; i < clients; ++i) {
    all.push_back(std::make_unique<Client>(address));
    all.back()->send("S 2000000\n");
  }
  return all;
}

}  // namespace

TEST_CASE("a burst makes one worker 64, and with start: fork no client waits for a second") {
  SupervisorUnderTest supervisor(
      file(R"({"min": 1, "max": 64})", R"(, "start": "fork", "queue": {"timeout": "1s"})"), {});
  supervisor.wait_for_idle(1);
  const auto clients = burst(supervisor.address(), 64);
  for (const auto& client : clients) CHECK(client->receive().starts_with("OK "));
  const PoolTable pool =
      supervisor.wait_for_pool("all are served", [](const PoolTable& now) { return now["served"] == 64; });
  CHECK(pool["expired"] == 0);
  CHECK(pool["workers"] == 64);
}

TEST_CASE("a pool on demand starts with its first connection, and is empty again when no client comes") {
  SupervisorUnderTest supervisor(file(R"({"min": 0, "max": 2, "idle_timeout": "200ms"})"), {});
  CHECK(supervisor.pool().workers.empty());
  CHECK(ask(supervisor.address(), "W 0\n").starts_with("OK "));
  supervisor.wait_for_pool("it is empty again", [](const PoolTable& now) { return now.workers.empty(); });
  CHECK(ask(supervisor.address(), "W 0\n").starts_with("OK "));
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("a pool shrinks when the burst is over, and a busy worker is never ended") {
  SupervisorUnderTest supervisor(file(R"({"min": 1, "max": 8, "idle_timeout": "300ms"})"), {});
  Client longest(supervisor.address());
  longest.send("S 3000000\n");
  supervisor.wait_for_pool("it is begun", [](const PoolTable& now) { return now["begun"] == 1; });
  {
    const auto clients = burst(supervisor.address(), 7);
    supervisor.wait_for_pool("all are busy", [](const PoolTable& now) { return now.count("busy") == 8; });
    for (const auto& client : clients) CHECK(client->receive().starts_with("OK "));
  }
  CHECK(longest.receive().starts_with("OK "));
  supervisor.wait_for_idle(1);
  CHECK(supervisor.pool()["lost"] == 0);
}
