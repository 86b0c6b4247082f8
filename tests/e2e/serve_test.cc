// The main job: connections come in, workers answer them.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

TEST_CASE("an echo worker answers through the supervisor, and everything ends with SIGTERM") {
  SupervisorUnderTest supervisor(PoolText{});
  CHECK(ask(supervisor.address(), "hello") == "hello");
  supervisor.wait_for_pool("one is served", [](const PoolTable& pool) { return pool["served"] == 1; });
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("a line worker answers through the supervisor and names its pid, which the status shows") {
  SupervisorUnderTest supervisor({.command = {"supervisor-worker", "line"}});
  const std::string answer = ask(supervisor.address(), "W 0\n");
  CHECK(answer == "OK " + std::to_string(supervisor.pool().workers.at(0).pid) + "\n");
}

TEST_CASE("an http worker answers through the supervisor and names its pid in X-Pid") {
  SupervisorUnderTest supervisor({.command = {"supervisor-worker", "http"}});
  const std::string answer =
      ask(supervisor.address(), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 200 "));
  CHECK(answer.find("X-Pid: " + std::to_string(supervisor.pool().workers.at(0).pid) + "\r\n") !=
        std::string::npos);
}

TEST_CASE("a pool listens on IPv4, IPv6, a unix path and an abstract name at the same time") {
  const TestDirectory directory;
  const std::string name = "@supervisor-test-" + std::to_string(::getpid());
  SupervisorUnderTest supervisor(
      {.listen = {"127.0.0.1:0", "[::1]:0", "unix:" + directory.at("pool.sock"), "unix:" + name}});
  const std::vector<std::string> addresses = supervisor.addresses();
  REQUIRE(addresses.size() == 4);
  CHECK(addresses[0].starts_with("127.0.0.1:"));
  CHECK(addresses[1].starts_with("[::1]:"));
  CHECK(addresses[2] == "unix:" + directory.at("pool.sock"));
  CHECK(addresses[3] == "unix:" + name);
  for (const std::string& address : addresses) CHECK(ask(address, address) == address);
}

TEST_CASE("a connection goes to the worker that has nothing to do, never behind one that is busy") {
  SupervisorUnderTest supervisor({.command = {"supervisor-worker", "line"}, .workers = 3});
  supervisor.wait_for_idle(3);
  Client first(supervisor.address());
  Client second(supervisor.address());
  // Two workers have a client that says nothing: only the third can answer.
  supervisor.wait_for_pool("two are busy", [](const PoolTable& pool) { return pool.count("busy") == 2; });
  std::set<std::string> answers;
  for (int i = 0; i < 5; ++i) answers.insert(ask(supervisor.address(), "W 0\n"));
  CHECK(answers.size() == 1);
  for (Client* client : {&first, &second}) {
    client->send("W 0\n");
    answers.insert(client->receive());
  }
  CHECK(answers.size() == 3);
}

TEST_CASE("the next connection goes to the worker that has been idle for longest, so all take turns") {
  SupervisorUnderTest supervisor({.command = {"supervisor-worker", "line"}, .workers = 3});
  supervisor.wait_for_idle(3);
  std::set<std::string> answers;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    answers.insert(ask(supervisor.address(), "W 0\n"));
    supervisor.wait_for_pool("it is idle again", [&](const PoolTable& pool) { return pool["served"] == i; });
  }
  CHECK(answers.size() == 3);
}

TEST_CASE("connections wait in the queue while all workers are busy, and are served in the order they came") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"ready", "recv", "busy",    "gate:first", "write:1",  "shutdown", "close",
                            "idle",  "recv", "busy",    "write:2",    "shutdown", "close",    "idle",
                            "recv",  "busy", "write:3", "shutdown",   "close",    "idle"})});
  Client first(supervisor.address());
  supervisor.wait_for_pool("one is busy", [](const PoolTable& pool) { return pool.count("busy") == 1; });
  Client second(supervisor.address());
  supervisor.wait_for_pool("one waits", [](const PoolTable& pool) { return pool["queue: now"] == 1; });
  Client third(supervisor.address());
  supervisor.wait_for_pool("two wait", [](const PoolTable& pool) { return pool["queue: now"] == 2; });
  supervisor.gates().open("first");
  CHECK(first.receive() == "1");
  CHECK(second.receive() == "2");
  CHECK(third.receive() == "3");
}

TEST_CASE("a worker with several slots gets as many connections at a time, and no more") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"ready:slots=2", "recv", "busy", "recv", "busy", "gate:go"}),
       .more = R"("connections_per_worker": 4)"});
  std::vector<Client> clients;
  clients.reserve(3);
  for (int i = 0; i < 3; ++i) clients.emplace_back(supervisor.address());
  const PoolTable pool = supervisor.wait_for_pool("two are with the worker", [](const PoolTable& now) {
    return now["with workers"] == 2 && now["queue: now"] == 1;
  });
  CHECK(pool.workers.at(0).load == 2);
  CHECK(pool.workers.at(0).slots == 2);
}
