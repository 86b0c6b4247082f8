// More clients come than can be served: those that wait are served in an order that makes sense, a client
// that cannot be served is told so, and one that only holds a descriptor makes room.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/http_client.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

using Clients = std::vector<std::unique_ptr<Client>>;

/// Ends each of its first ten connections when the gate of that number is opened.
std::vector<std::string> one_by_one() {
  std::vector<std::string> steps = {"ready"};
  for (int i = 1; i <= 10; ++i) {
    const std::string gate = "gate:" + std::to_string(i);
    for (const std::string& step : {std::string("recv"), std::string("busy"), gate, std::string("shutdown"),
                                    std::string("close"), std::string("idle")})
      steps.push_back(step);
  }
  return scripted(steps);
}

void let_pass(std::chrono::milliseconds time) {
  CHECK_FALSE(holds_within(time, [] { return false; }));
}

/// As many as it has, and `more`.
void limit_descriptors(pid_t pid, unsigned more) {
  rlimit limit{};
  REQUIRE(::prlimit(pid, RLIMIT_NOFILE, nullptr, &limit) == 0);
  limit.rlim_cur = static_cast<rlim_t>(descriptor_numbers_of(pid).back()) + 1 + more;
  REQUIRE(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr) == 0);
}

/// One more, in the queue.
void add(SupervisorUnderTest& supervisor, Clients& clients, const std::string& from = "") {
  clients.push_back(std::make_unique<Client>(supervisor.address(), from));
  supervisor.wait_for_pool("it is accepted",
                           [&](const PoolTable& now) { return now["accepted"] == clients.size(); });
}

/// The first, with the worker, and so many in the queue.
void add_to_queue(SupervisorUnderTest& supervisor, Clients& clients, int queued) {
  add(supervisor, clients);
  supervisor.wait_for_pool("the worker is busy", [](const PoolTable& now) { return now["begun"] == 1; });
  for (int i = 0; i < queued; ++i) add(supervisor, clients);
}

/// The number of the client whose connection ends when the worker is let go on.
std::size_t next_to_end(SupervisorUnderTest& supervisor, Clients& clients, int gate) {
  supervisor.gates().open(std::to_string(gate));
  std::size_t ended = clients.size();
  eventually("one is served", [&] {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (clients[i] != nullptr && !clients[i]->silent()) ended = i;
    }
    return ended < clients.size();
  });
  CHECK(clients[ended]->receive() == "");
  clients[ended].reset();
  return ended;
}

}  // namespace

TEST_CASE("order adaptive: in a queue that stands the newest is first, and in one that drains the oldest") {
  SupervisorUnderTest supervisor(
      {.command = one_by_one(), .more = R"("queue": {"order": "adaptive", "target": "10ms"})"});
  Clients clients;
  add_to_queue(supervisor, clients, 2);
  let_pass(std::chrono::milliseconds(150));
  add(supervisor, clients);
  let_pass(std::chrono::milliseconds(150));
  add(supervisor, clients);
  CHECK(next_to_end(supervisor, clients, 1) == 0);
  CHECK(next_to_end(supervisor, clients, 2) == 4);
  CHECK(next_to_end(supervisor, clients, 3) == 3);
  CHECK(next_to_end(supervisor, clients, 4) == 2);
  CHECK(next_to_end(supervisor, clients, 5) == 1);
  supervisor.wait_for_idle(1);
  for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<Client>(supervisor.address()));
  supervisor.wait_for_pool("they wait", [](const PoolTable& now) { return now["queue: now"] == 2; });
  CHECK(next_to_end(supervisor, clients, 6) == 5);
  CHECK(next_to_end(supervisor, clients, 7) == 6);
  CHECK(next_to_end(supervisor, clients, 8) == 7);
}

TEST_CASE("order adaptive with full reject: the oldest makes room for the newest, and is told so") {
  const std::string words = "HTTP/1.1 503 Busy\r\n\r\n";
  SupervisorUnderTest supervisor(
      {.command = one_by_one(),
       .more = R"("queue": {"order": "adaptive", "target": "10ms", "max": 2, "full": "reject",
                            "reject_with": "HTTP/1.1 503 Busy\r\n\r\n"})"});
  Clients clients;
  add_to_queue(supervisor, clients, 2);
  // As long as the queue does not stand, the newest is turned away.
  eventually("an older one is turned away", [&] {
    let_pass(std::chrono::milliseconds(20));
    auto newest = std::make_unique<Client>(supervisor.address());
    newest->send(std::string(10'000, 'x'));
    eventually("one is turned away", [&] { return !newest->silent() || !clients[1]->silent(); });
    if (!newest->silent()) {
      CHECK(newest->receive() == words);
      CHECK(newest->end() == Client::End::kEof);
      return false;
    }
    clients.push_back(std::move(newest));
    return true;
  });
  CHECK(clients[1]->receive() == words);
  CHECK(clients[1]->end() == Client::End::kEof);
  clients[1].reset();
  CHECK(next_to_end(supervisor, clients, 1) == 0);
  CHECK(next_to_end(supervisor, clients, 2) == 3);
  CHECK(next_to_end(supervisor, clients, 3) == 2);
}

TEST_CASE(
    "FAULTS 108: a client that ends its side while it waits, before it sent a byte, is served as asked") {
  // The first connection waits at the gate; the later ones are greeted as soon as they are begun.
  const std::vector<std::string> greets =
      scripted({"ready", "recv", "busy", "gate:1", "shutdown", "close", "idle", "recv", "busy",
                "write:welcome", "shutdown", "close", "idle"});
  std::string half_closed;
  std::string received;
  SUBCASE("by default it gets the end of the connection") {}
  SUBCASE("with serve a worker serves it") {
    half_closed = R"("queue": {"half_closed": "serve"})";
    received = "welcome";
  }
  SupervisorUnderTest supervisor({.command = greets, .more = half_closed});
  Clients clients;
  add_to_queue(supervisor, clients, 1);
  clients[1]->finish();
  let_pass(std::chrono::milliseconds(5));
  supervisor.gates().open("1");
  CHECK(clients[1]->receive() == received);
  CHECK(clients[1]->end() == Client::End::kEof);
  const std::size_t left = received.empty() ? 1 : 0;
  supervisor.wait_for_pool("it is counted", [&](const PoolTable& now) {
    return now["served"] == 2 - left && now["left"] == left;
  });
}

TEST_CASE("FAULTS 30: out of descriptors, clients that only wait make room for clients that ask") {
  PoolText text{.command = {"supervisor-worker", "http"},
                .more = R"("wait_for_data": true, "keep_alive": {"park": true})"};
  SUBCASE("with seccomp") {}
  SUBCASE("without") { text.more += R"(, "seccomp": false)"; }
  SupervisorUnderTest supervisor(text);
  supervisor.wait_for_idle(1);
  std::vector<std::unique_ptr<HttpClient>> parked;
  for (int i = 0; i < 20; ++i) {
    parked.push_back(std::make_unique<HttpClient>(supervisor.address()));
    REQUIRE(parked.back()->get() != 0);
  }
  std::vector<std::unique_ptr<HttpClient>> silent;
  silent.reserve(5);
  for (int i = 0; i < 5; ++i) silent.push_back(std::make_unique<HttpClient>(supervisor.address()));
  supervisor.wait_for_pool("all are in the lobby", [](const PoolTable& now) {
    return lobby_of(now).silent == 5 && lobby_of(now).parked == 20;
  });
  // Not one more.
  limit_descriptors(supervisor.pid(), 0);
  std::vector<std::unique_ptr<HttpClient>> asking;
  for (int i = 0; i < 10; ++i) {
    asking.push_back(std::make_unique<HttpClient>(supervisor.address()));
    CHECK(asking.back()->get() != 0);
  }
  CHECK(parked.front()->answer() == 0);
  CHECK(parked.front()->connection().end() == Client::End::kEof);
  CHECK(parked.back()->get() != 0);
  CHECK(lobby_of(supervisor.pool()).evicted >= 10);
}

TEST_CASE(
    "FAULTS 30: out of descriptors, a worker that has died is replaced in the place of a client that only "
    "waits") {
  PoolText text{.command = {"supervisor-worker", "http"},
                .more = R"("wait_for_data": true, "keep_alive": {"park": true})"};
  SUBCASE("with seccomp") {}
  SUBCASE("without") { text.more += R"(, "seccomp": false)"; }
  SupervisorUnderTest supervisor(text);
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  HttpClient first(supervisor.address());
  CHECK(first.get() != 0);
  limit_descriptors(supervisor.pid(), 20);
  std::vector<std::unique_ptr<Client>> silent;
  silent.reserve(50);
  for (int i = 0; i < 50; ++i) silent.push_back(std::make_unique<Client>(supervisor.address()));
  REQUIRE(::kill(worker, SIGKILL) == 0);
  supervisor.wait_for_pool("another serves", [&](const PoolTable& now) {
    return now.count("idle") == 1 && now.pids().at(0) != worker;
  });
  HttpClient client(supervisor.address());
  CHECK(client.get() != 0);
}

TEST_CASE("FAULTS 30: clients that wait in one pool make room for clients that ask another") {
  const PoolText crowded{.command = {"supervisor-worker", "http"},
                         .more = R"("wait_for_data": true, "keep_alive": {"park": true})"};
  SupervisorUnderTest supervisor(pools_text({{"crowded", crowded}, {"small", PoolText{}}}), {.listeners = 2});
  std::vector<std::unique_ptr<Client>> silent;
  silent.reserve(20);
  for (int i = 0; i < 20; ++i) silent.push_back(std::make_unique<Client>(supervisor.address(0)));
  eventually("all are in the lobby",
             [&] { return lobby_of(supervisor.status().pool("crowded")).silent == 20; });
  limit_descriptors(supervisor.pid(), 0);
  CHECK(ask(supervisor.address(1), "hello") == "hello");
  CHECK(lobby_of(supervisor.status().pool("crowded")).evicted > 0);
}

TEST_CASE(
    "with fairness an address with many connections keeps no other from its turn, or out of the queue") {
  SupervisorUnderTest supervisor(
      {.command = one_by_one(), .more = R"("queue": {"max": 3, "full": "reject", "fairness": "address"})"});
  Clients clients;
  add(supervisor, clients);
  supervisor.wait_for_pool("the worker is busy", [](const PoolTable& now) { return now["begun"] == 1; });
  for (int i = 0; i < 3; ++i) add(supervisor, clients, "127.0.0.2");
  add(supervisor, clients, "127.0.0.3");
  CHECK(clients[3]->receive() == "");
  clients[3].reset();
  CHECK(next_to_end(supervisor, clients, 1) == 0);
  CHECK(next_to_end(supervisor, clients, 2) == 1);
  CHECK(next_to_end(supervisor, clients, 3) == 4);
  CHECK(next_to_end(supervisor, clients, 4) == 2);
}
