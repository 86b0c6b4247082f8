// Workers that die of the second request of a connection: what counts is that request, not the ones before
// it.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// The first worker answers "a" to a first byte and parks; `then` is what it does with the next connection.
/// Any worker after it is an echo.
PoolText pool(std::vector<std::string> then, const std::string& more = "") {
  std::vector<std::string> steps = {"only-first:victim", "ready", "recv",       "busy", "read:1",
                                    "write:a",           "close", "send:kind=6"};
  steps.insert(steps.end(), then.begin(), then.end());
  return {.command = scripted(std::move(steps)),
          .more = R"("crash_reply": "crashed", "keep_alive": {"park": true})" + more};
}

/// Has been answered once, and sends "2".
Client second_request(SupervisorUnderTest& supervisor) {
  Client client(supervisor.address());
  client.send("1");
  REQUIRE(client.receive(1) == "a");
  supervisor.wait_for_pool("it is parked", [](const PoolTable& now) { return now["with workers"] == 0; });
  client.send("2");
  return client;
}

}  // namespace

TEST_CASE("FAULTS 2 and 3: a second request of which nothing was read goes to another worker") {
  std::vector<std::string> death = {"recv", "die:KILL"};
  SUBCASE("before Busy") {}
  SUBCASE("after Busy") { death = {"recv", "busy", "die:KILL"}; }
  SupervisorUnderTest supervisor(pool(death));
  Client client = second_request(supervisor);
  CHECK(client.receive() == "2");
  const PoolTable now =
      supervisor.wait_for_pool("it is served", [](const PoolTable& table) { return table["served"] == 1; });
  CHECK(now["redispatched"] == 1);
  CHECK(now["lost"] == 0);
}

TEST_CASE("FAULTS 4: a second request whose worker has read it and dies is answered with crash_reply") {
  SupervisorUnderTest supervisor(pool({"recv", "busy", "read:1", "die:KILL"}));
  Client client = second_request(supervisor);
  CHECK(client.receive() == "crashed");
  CHECK(client.end() == Client::End::kEof);
  const PoolTable now =
      supervisor.wait_for_pool("it is lost", [](const PoolTable& table) { return table["lost"] == 1; });
  CHECK(now["redispatched"] == 0);
  CHECK(supervisor.gates().marks("served").empty());
}

TEST_CASE("FAULTS 5: a second answer that has begun is ended, with nothing behind it") {
  SupervisorUnderTest supervisor(pool({"recv", "busy", "read:1", "write:half", "die:KILL"}));
  Client client = second_request(supervisor);
  CHECK(client.receive() == "half");
  const PoolTable now =
      supervisor.wait_for_pool("it is lost", [](const PoolTable& table) { return table["lost"] == 1; });
  CHECK(now["redispatched"] == 0);
}

TEST_CASE("FAULTS 10: a second request whose worker hangs is answered with crash_reply") {
  SupervisorUnderTest supervisor(
      pool({"recv", "busy", "read:1", "hang"}, R"(, "health": {"busy_timeout": "100ms"})"));
  Client client = second_request(supervisor);
  CHECK(client.receive() == "crashed");
  CHECK(client.end() == Client::End::kEof);
  CHECK(ask(supervisor.address(), "next") == "next");
}
