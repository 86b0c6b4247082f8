// Connections that are kept between two requests: each request goes to a worker that is free, and no client
// notices where its connection waits.
#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/http_client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// `more`: further members of keep_alive, or further keys behind its brace.
PoolText parking(unsigned workers, const std::string& more = "}") {
  return {.command = {"supervisor-worker", "http"},
          .workers = workers,
          .more = R"("keep_alive": {"park": true)" + more};
}

PoolTable wait_for_parked(SupervisorUnderTest& supervisor, std::size_t count) {
  return supervisor.wait_for_pool("so many are parked", [&](const PoolTable& now) {
    return lobby_of(now).parked == count && now["with workers"] == 0;
  });
}

}  // namespace

TEST_CASE(
    "each request of a connection goes to a worker that is free, not to the one of the request before") {
  SupervisorUnderTest supervisor(parking(2));
  supervisor.wait_for_idle(2);
  HttpClient client(supervisor.address());
  std::set<pid_t> answered;
  for (int i = 0; i < 4; ++i) {
    answered.insert(client.get());
    wait_for_parked(supervisor, 1);
  }
  CHECK(answered.size() == 2);
  CHECK_FALSE(answered.contains(0));
  const PoolTable pool = supervisor.pool();
  CHECK(pool["accepted"] == 1);
  CHECK(pool["begun"] == 4);
  CHECK(pool["served"] == 0);
  // The one is held by a client whose answer takes long: the other serves.
  HttpClient slow(supervisor.address());
  slow.ask("/?ms=60000");
  supervisor.wait_for_pool("one is busy", [](const PoolTable& now) { return now.count("busy") == 1; });
  for (int i = 0; i < 3; ++i) CHECK(client.get() != 0);
}

TEST_CASE("a worker keeps a connection for a moment while others are idle, and yields it when they are not") {
  SupervisorUnderTest supervisor(parking(2));
  supervisor.wait_for_idle(2);
  HttpClient client(supervisor.address());
  // A client that asks at once meets the same worker, which has not parked it: as a rule, for time passes.
  const bool kept = holds_within(kPatience, [&] {
    const pid_t first = client.get();
    return first == client.get() && first == client.get();
  });
  CHECK(kept);
  // More clients at a time than workers, each of them asking at once: none waits for a worker that is kept.
  std::atomic<int> answers = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([address = supervisor.address(), &answers] {
      HttpClient one(address);
      for (int request = 0; request < 50; ++request) answers += one.get() != 0 ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(answers == 400);
  CHECK(client.get() != 0);
  CHECK(supervisor.pool()["lost"] == 0);
}

TEST_CASE("more than keep_alive.max are not parked: the one that has been the longest is let go") {
  SupervisorUnderTest supervisor(parking(1, R"(, "max": 2})"));
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (std::size_t i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<HttpClient>(supervisor.address()));
    REQUIRE(clients.back()->get() != 0);
    wait_for_parked(supervisor, std::min<std::size_t>(i + 1, 2));
  }
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(clients[i]->answer() == 0);
    CHECK(clients[i]->connection().end() == Client::End::kEof);
    CHECK(clients[i + 2]->get() != 0);
  }
  const PoolTable pool = wait_for_parked(supervisor, 2);
  CHECK(lobby_of(pool).evicted == 2);
  CHECK(pool["served"] == 2);
}

TEST_CASE("connections of a unix socket are parked in the same way") {
  PoolText text = parking(1);
  text.listen = {"unix:TEST_DIRECTORY/pool.sock"};
  SupervisorUnderTest supervisor(text);
  HttpClient client(supervisor.address());
  for (int i = 0; i < 2; ++i) {
    CHECK(client.get() != 0);
    wait_for_parked(supervisor, 1);
  }
  client.connection().close();
  const PoolTable pool =
      supervisor.wait_for_pool("it has left", [](const PoolTable& now) { return now["served"] == 1; });
  CHECK(pool["begun"] == 2);
}

TEST_CASE("a connection that is parked for longer than idle_timeout is closed cleanly") {
  SupervisorUnderTest supervisor(parking(1, R"(, "idle_timeout": "50ms"})"));
  HttpClient client(supervisor.address());
  CHECK(client.get() != 0);
  CHECK(client.answer() == 0);
  CHECK(client.connection().end() == Client::End::kEof);
  CHECK(supervisor.pool()["served"] == 1);
}

TEST_CASE("FAULTS 72: a request that comes while its connection is being parked is served at once") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"ready", "recv", "busy", "read:1", "write:a", "gate:park", "close", "send:kind=6",
                            "recv", "busy", "read:1", "write:b", "shutdown", "close", "idle"}),
       .more = R"("keep_alive": {"park": true})"});
  Client client(supervisor.address());
  client.send("1");
  CHECK(client.receive(1) == "a");
  SUBCASE("just before") {
    client.send("2");
    supervisor.gates().open("park");
  }
  SUBCASE("while the supervisor has not heard of it") {
    supervisor.signal(SIGSTOP);
    supervisor.gates().open("park");
    client.send("2");
    supervisor.signal(SIGCONT);
  }
  SUBCASE("some time after") {
    supervisor.gates().open("park");
    wait_for_parked(supervisor, 1);
    client.send("2");
  }
  CHECK(client.receive() == "b");
  const PoolTable pool =
      supervisor.wait_for_pool("it is served", [](const PoolTable& now) { return now["served"] == 1; });
  CHECK(pool["begun"] == 2);
}

TEST_CASE("FAULTS 72: a client that leaves while its connection is being parked, or later, is let go") {
  SupervisorUnderTest supervisor({.command = scripted({"ready", "recv", "busy", "read:1", "write:a",
                                                       "gate:park", "close", "send:kind=6"}),
                                  .more = R"("keep_alive": {"park": true})"});
  Client client(supervisor.address());
  client.send("1");
  CHECK(client.receive(1) == "a");
  SUBCASE("before") {
    client.close();
    supervisor.gates().open("park");
  }
  SUBCASE("after") {
    supervisor.gates().open("park");
    wait_for_parked(supervisor, 1);
    SUBCASE("closed") { client.close(); }
    SUBCASE("reset") { client.reset(); }
    SUBCASE("ended") { client.finish(); }
  }
  const PoolTable pool =
      supervisor.wait_for_pool("it is served", [](const PoolTable& now) { return now["served"] == 1; });
  CHECK(lobby_of(pool).parked == 0);
  CHECK(pool["begun"] == 1);
  CHECK(ask(supervisor.address(), "next") == "next");
}

TEST_CASE("FAULTS 72: a copy that a worker has left somewhere delays neither the next request nor the end") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"ready", "recv", "busy", "read:1", "write:a", "fork-holder:hold", "close",
                            "send:kind=6", "recv", "busy", "read:1", "write:b", "close", "send:kind=6"}),
       .more = R"("keep_alive": {"park": true, "idle_timeout": "200ms"})"});
  Client client(supervisor.address());
  client.send("1");
  CHECK(client.receive(1) == "a");
  wait_for_parked(supervisor, 1);
  client.send("2");
  CHECK(client.receive() == "b");
  CHECK(client.end() == Client::End::kEof);
  supervisor.gates().wait_for_marks("hold.held");
  supervisor.gates().open("hold");
}
