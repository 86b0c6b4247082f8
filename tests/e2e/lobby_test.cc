// Clients that say nothing, leave before their turn, or come by the thousand: no worker is bothered, and the
// others are served.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/http_client.h"
#include "tests/support/client.h"
#include "tests/support/sanitized.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

constexpr std::size_t kSilent = kSanitized ? 500 : 5000;
constexpr std::size_t kQueued = kSanitized ? 900 : 9000;

constexpr const char* kWait = R"("wait_for_data": true)";

/// Holds its first connection until the gate opens, and then is an echo.
const std::vector<std::string> kHeldAtGate =
    scripted({"only-first:held", "ready", "recv", "busy", "gate:go", "shutdown", "close", "idle"});

void allow_many_descriptors() {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/// Bytes of a field of /proc/<pid>/status that is given in kB.
std::size_t memory_of(pid_t pid, const std::string& field) {
  return std::strtoul(status_field_of(pid, field).c_str(), nullptr, 10) * 1024;
}

}  // namespace

TEST_CASE("FAULTS 48: thousands of silent clients occupy no worker, and the others notice nothing") {
  allow_many_descriptors();
  SupervisorUnderTest supervisor({.command = {"supervisor-worker", "http"},
                                  .workers = 4,
                                  .more = R"("wait_for_data": true, "keep_alive": {"park": true})"});
  supervisor.wait_for_idle(4);
  const std::size_t before = memory_of(supervisor.pid(), "VmRSS");
  std::vector<std::unique_ptr<Client>> silent;
  for (std::size_t i = 0; i < kSilent; ++i) silent.push_back(std::make_unique<Client>(supervisor.address()));
  supervisor.wait_for_pool("all are in the lobby",
                           [](const PoolTable& now) { return lobby_of(now).silent == kSilent; });
  if (!kSanitized) CHECK((memory_of(supervisor.pid(), "VmHWM") - before) / kSilent <= 1024);
  constexpr std::size_t kGood = 10;
  for (int round = 0; round < 10; ++round) {
    std::vector<HttpClient> good;
    for (std::size_t i = 0; i < kGood; ++i) good.emplace_back(supervisor.address());
    for (HttpClient& client : good) CHECK(client.get() != 0);
  }
  const PoolTable pool = supervisor.wait_for_pool(
      "all of them are served", [](const PoolTable& now) { return now["served"] == 10 * kGood; });
  CHECK(pool["begun"] == 10 * kGood);
  CHECK(lobby_of(pool).silent == kSilent);
  silent.back()->send("GET / HTTP/1.0\r\n\r\n");
  CHECK(silent.back()->receive().starts_with("HTTP/1.0 200 OK"));
}

TEST_CASE(
    "FAULTS 48: a client that says nothing for first_byte_timeout is closed, and no worker was bothered") {
  SupervisorUnderTest supervisor({.more = R"("wait_for_data": true, "first_byte_timeout": "50ms")"});
  Client client(supervisor.address());
  CHECK(client.receive() == "");
  CHECK(client.end() == Client::End::kEof);
  const PoolTable pool = supervisor.pool();
  CHECK(pool["silent"] == 1);
  CHECK(pool["begun"] == 0);
}

TEST_CASE("FAULTS 49: a client that leaves while it waits for a worker is not served") {
  SupervisorUnderTest supervisor(PoolText{.command = kHeldAtGate});
  Client held(supervisor.address());
  supervisor.wait_for_pool("the worker is busy", [](const PoolTable& now) { return now["begun"] == 1; });
  Client reset(supervisor.address());
  Client reset_after_request(supervisor.address());
  Client ended(supervisor.address());
  Client closed(supervisor.address());
  Client patient(supervisor.address());
  supervisor.wait_for_pool("all are queued", [](const PoolTable& now) { return now["queue: now"] == 5; });
  // The supervisor looks only at clients that have waited for a millisecond.
  CHECK_FALSE(holds_within(std::chrono::milliseconds(10), [] { return false; }));
  reset_after_request.send("for nothing");
  reset_after_request.reset();
  reset.reset();
  ended.finish();
  closed.close();
  patient.send("hello");
  supervisor.gates().open("go");
  CHECK(patient.receive() == "hello");
  CHECK(ended.receive() == "");
  const PoolTable pool =
      supervisor.wait_for_pool("two are served", [](const PoolTable& now) { return now["served"] == 2; });
  CHECK(pool["left"] == 4);
  CHECK(pool["begun"] == 2);
  CHECK(supervisor.gates().marks("served").size() == 1);
}

TEST_CASE("FAULTS 49: a client that leaves without having said anything never reaches a worker") {
  SupervisorUnderTest supervisor({.more = kWait});
  supervisor.wait_for_idle(1);
  Client reset(supervisor.address());
  Client ended(supervisor.address());
  Client closed(supervisor.address());
  supervisor.wait_for_pool("they wait", [](const PoolTable& now) { return lobby_of(now).silent == 3; });
  reset.reset();
  ended.finish();
  closed.close();
  CHECK(ended.receive() == "");
  const PoolTable pool =
      supervisor.wait_for_pool("they have left", [](const PoolTable& now) { return now["left"] == 3; });
  CHECK(pool["begun"] == 0);
}

TEST_CASE("FAULTS 50: a client that has ended after its request is served") {
  PoolText text{.command = kHeldAtGate};
  SUBCASE("from the queue") {}
  SUBCASE("from the lobby") { text.more = kWait; }
  SupervisorUnderTest supervisor(text);
  Client held(supervisor.address());
  held.send("x");
  supervisor.wait_for_pool("the worker is busy", [](const PoolTable& now) { return now["begun"] == 1; });
  Client client(supervisor.address());
  client.send("hello");
  client.finish();
  supervisor.wait_for_pool("it is queued", [](const PoolTable& now) { return now["queue: now"] == 1; });
  supervisor.gates().open("go");
  CHECK(client.receive() == "hello");
}

TEST_CASE("FAULTS 47: a flood of connections takes no more than the configuration says, and passes") {
  allow_many_descriptors();
  constexpr std::size_t kFlood = 3000;
  constexpr std::size_t kLimit = 100;
  SupervisorUnderTest supervisor(
      {.command = kHeldAtGate, .more = R"("queue": {"max": 100, "full": "reject", "reject_with": "busy"})"});
  Client held(supervisor.address());
  supervisor.wait_for_pool("the worker is busy", [](const PoolTable& now) { return now["begun"] == 1; });
  const std::size_t before = memory_of(supervisor.pid(), "VmRSS");
  std::vector<std::unique_ptr<Client>> flood;
  for (std::size_t i = 0; i < kFlood; ++i) flood.push_back(std::make_unique<Client>(supervisor.address()));
  const PoolTable pool = supervisor.wait_for_pool(
      "all have been accepted", [](const PoolTable& now) { return now["accepted"] == kFlood + 1; });
  CHECK(pool["queue: most"] == kLimit);
  CHECK(pool["rejected"] == kFlood - kLimit);
  if (!kSanitized) CHECK(memory_of(supervisor.pid(), "VmHWM") - before <= std::size_t{2} << 20);
  for (std::size_t i = kLimit; i < kFlood; ++i) CHECK(flood[i]->receive() == "busy");
  flood.resize(kLimit);
  supervisor.gates().open("go");
  for (const auto& client : flood) {
    client->send("hello");
    CHECK(client->receive() == "hello");
  }
}

TEST_CASE("FAULTS 52: thousands of queued connections take little memory each, and their deadline holds") {
  allow_many_descriptors();
  PoolText text{.command = kHeldAtGate, .more = R"("queue": {"max": 10000})"};
  SupervisorUnderTest supervisor(text);
  const Client held(supervisor.address());
  supervisor.wait_for_pool("the worker is busy", [](const PoolTable& now) { return now["begun"] == 1; });
  const std::size_t before = memory_of(supervisor.pid(), "VmRSS");
  std::vector<std::unique_ptr<Client>> queued;
  for (std::size_t i = 0; i < kQueued; ++i) queued.push_back(std::make_unique<Client>(supervisor.address()));
  supervisor.wait_for_pool("all are queued",
                           [](const PoolTable& now) { return now["queue: now"] == kQueued; });
  if (!kSanitized) CHECK((memory_of(supervisor.pid(), "VmHWM") - before) / kQueued <= 1024);
  text.more = R"("queue": {"max": 10000, "timeout": "100ms"})";
  supervisor.rewrite_config(text);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_pool("all have waited too long",
                           [](const PoolTable& now) { return now["expired"] == kQueued; });
  for (const auto& client : queued) CHECK(client->receive() == "");
  supervisor.gates().open("go");
  CHECK(ask(supervisor.address(), "hello") == "hello");
}
