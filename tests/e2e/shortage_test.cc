// The machine is short of memory or descriptors for a while: nothing is lost, and nothing is blamed for it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <list>
#include <string>
#include <vector>

#include "tests/e2e/http_client.h"
#include "tests/support/client.h"
#include "tests/support/failing_calls.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// Workers are started without the library.
PoolText pool_text(const std::string& more = {}) {
  return {.workers = 2, .more = R"("environment": {"LD_PRELOAD": ""})" + (more.empty() ? more : ", " + more)};
}

SupervisorUnderTest::Options with(const FailingCalls& calls) { return {.environment = calls.environment()}; }

void wait_for_failures(FailingCalls& calls, const std::string& call, std::uint32_t count) {
  eventually(call + " has failed often", [&] { return calls.failed(call) >= count; });
}

/// Kills a worker, and waits until another has taken its place.
void replace_worker(SupervisorUnderTest& supervisor) {
  const std::vector<pid_t> before = supervisor.wait_for_idle(2).pids();
  REQUIRE(::kill(before.at(0), SIGKILL) == 0);
  supervisor.wait_for_pool("another worker is there, with its process", [&](const PoolTable& pool) {
    const std::vector<pid_t> now = pool.pids();
    return pool.count("idle") == 2 && now != before && std::count(now.begin(), now.end(), 0) == 0;
  });
}

std::vector<pid_t> two_spawners(SupervisorUnderTest& supervisor) {
  std::vector<pid_t> pids;
  eventually("there are two spawners", [&] { return (pids = supervisor.status().spawners).size() == 2; });
  return pids;
}

}  // namespace

TEST_CASE("FAULTS 136: while recvmsg fails for want of memory, no worker is taken for dead") {
  FailingCalls calls;
  SupervisorUnderTest supervisor(pool_text().text(), with(calls));
  const std::vector<pid_t> pids = supervisor.wait_for_idle(2).pids();
  calls.fail("recvmsg", ENOMEM);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  wait_for_failures(calls, "recvmsg", 3);
  calls.succeed("recvmsg");
  CHECK(supervisor.wait_for_idle(2).pids() == pids);
  CHECK(supervisor.pool()["served"] == 1);
  CHECK(supervisor.count_in_log(" died") == 0);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("FAULTS 136: what a dead worker has said is read when there is memory again") {
  PoolText pool = pool_text();
  pool.command = scripted({"ready", "recv", "busy", "write:hello", "close", "idle", "mark:done", "hang"});
  FailingCalls calls;
  SupervisorUnderTest supervisor(pool.text(), with(calls));
  const std::vector<pid_t> pids = supervisor.wait_for_idle(2).pids();
  calls.fail("recvmsg", ENOMEM);
  const Client first(supervisor.address());
  const Client second(supervisor.address());
  supervisor.gates().wait_for_marks("done", 2);
  for (const pid_t pid : pids) REQUIRE(::kill(pid, SIGKILL) == 0);
  wait_for_failures(calls, "recvmsg", calls.failed("recvmsg") + 4);
  calls.succeed("recvmsg");
  supervisor.wait_for_pool("others are there", [&](const PoolTable& now) {
    return now.count("idle") == 2 && now.pids().at(0) != pids.at(0);
  });
  const PoolTable table = supervisor.pool();
  CHECK(table["served"] == 2);
  CHECK(table["lost"] == 0);
  CHECK(table["redispatched"] == 0);
}

TEST_CASE("FAULTS 136: a spawner whose recvmsg fails for want of memory goes on") {
  FailingCalls calls;
  SupervisorUnderTest supervisor(pool_text().text(), with(calls));
  const std::vector<pid_t> spawners = two_spawners(supervisor);
  supervisor.wait_for_idle(2);
  calls.fail("recvmsg", ENOMEM, {.who = FailOrder::kSpawner, .times = 5});
  replace_worker(supervisor);
  replace_worker(supervisor);
  CHECK(calls.failed("recvmsg") == 5);
  CHECK(two_spawners(supervisor) == spawners);
}

TEST_CASE(
    "FAULTS 137: an answer of the spawner that cannot be sent is sent again, or without its descriptor") {
  int error = 0;
  SUBCASE("ETOOMANYREFS") { error = ETOOMANYREFS; }
  SUBCASE("ENOBUFS") { error = ENOBUFS; }
  SUBCASE("ENOMEM") { error = ENOMEM; }
  FailingCalls calls;
  SupervisorUnderTest supervisor(pool_text().text(), with(calls));
  const std::vector<pid_t> spawners = two_spawners(supervisor);
  supervisor.wait_for_idle(2);
  calls.fail("sendmsg", error, {.who = FailOrder::kSpawner, .times = 1});
  replace_worker(supervisor);
  CHECK(calls.failed("sendmsg") == 1);
  CHECK(two_spawners(supervisor) == spawners);
  CHECK(supervisor.count_in_log("has not answered") == 0);
  CHECK(supervisor.pool()["starts"] == 3);
}

TEST_CASE("FAULTS 137: a worker whose ping cannot be sent is not killed for its silence") {
  FailingCalls calls;
  SupervisorUnderTest supervisor(
      pool_text(R"("health": {"ping_interval": "50ms", "ping_timeout": "50ms"})").text(), with(calls));
  const std::vector<pid_t> pids = supervisor.wait_for_idle(2).pids();
  calls.fail("sendmsg", ENOBUFS);
  wait_for_failures(calls, "sendmsg", 10);
  calls.succeed("sendmsg");
  CHECK(supervisor.wait_for_idle(2).pids() == pids);
  CHECK(supervisor.count_in_log(" died") == 0);
}

TEST_CASE("FAULTS 138: a listener that cannot accept is not closed before its backlog is served") {
  FailingCalls calls;
  SupervisorUnderTest supervisor(pool_text().text(), with(calls));
  supervisor.wait_for_idle(2);
  const std::string address = supervisor.address();
  calls.fail("accept4", EMFILE);
  Client first(address);
  Client second(address);
  first.send("first");
  first.finish();
  second.send("second");
  second.finish();
  bool stops = false;
  SUBCASE("at a reload") {
    PoolText elsewhere = pool_text();
    elsewhere.listen = {"127.0.0.2:0"};
    supervisor.rewrite_config(elsewhere);
    supervisor.signal(SIGHUP);
    supervisor.wait_for_log("listening on", 2);
  }
  SUBCASE("at a stop") {
    stops = true;
    supervisor.signal(SIGTERM);
    supervisor.wait_for_log("stopping");
  }
  wait_for_failures(calls, "accept4", calls.failed("accept4") + 10);
  calls.succeed("accept4");
  CHECK(first.receive() == "first");
  CHECK(second.receive() == "second");
  if (stops) CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 138: a stop waits for a backlog that cannot be accepted, but not for ever") {
  FailingCalls calls;
  SupervisorUnderTest supervisor(pool_text().text(), with(calls));
  supervisor.wait_for_idle(2);
  calls.fail("accept4", ENFILE);
  const Client client(supervisor.address());
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("FAULTS 139: accepting that fails in any other way again and again does not keep the loop busy") {
  FailingCalls calls;
  SupervisorUnderTest supervisor(pool_text().text(), with(calls));
  supervisor.wait_for_idle(2);
  calls.fail("accept4", EPERM);
  Client client(supervisor.address());
  client.send("hello");
  client.finish();
  supervisor.wait_for_log("accepting is paused, clients wait in the backlog: Operation not permitted");
  CHECK(calls.failed("accept4") <= 64);
  calls.succeed("accept4");
  CHECK(client.receive() == "hello");
}

TEST_CASE(
    "FAULTS 140: after an upgrade, a descriptor that cannot be had at once is had later, or done without") {
  PoolText parking = pool_text(R"("keep_alive": {"park": true})");
  parking.command = {"supervisor-worker", "http"};
  FailingCalls calls;
  SupervisorUnderTest supervisor(parking.text(), with(calls));
  supervisor.wait_for_idle(2);
  HttpClient client(supervisor.address());
  REQUIRE(client.get() != 0);
  SUBCASE("for the results of the threads, and for signals") {
    calls.fail("eventfd", EMFILE, {.times = 2});
    supervisor.upgrade();
    CHECK(calls.failed("eventfd") == 2);
  }
  SUBCASE("for the lobby") {
    calls.fail("epoll_create1", EMFILE, {.skip = 1, .times = 2});
    supervisor.upgrade();
    CHECK(calls.failed("epoll_create1") == 2);
  }
  SUBCASE("for the standby of the spawner") {
    calls.fail("socketpair", ENFILE, {.times = 1});
    supervisor.upgrade();
  }
  for (int i = 0; i < 3; ++i) {
    CHECK(client.get() != 0);
    supervisor.wait_for_pool("it is parked", [](const PoolTable& now) { return lobby_of(now).parked == 1; });
  }
  replace_worker(supervisor);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("FAULTS 110: clients that cannot be watched occupy no worker, and are served when they ask") {
  PoolText parking = pool_text(R"("keep_alive": {"park": true})");
  parking.command = {"supervisor-worker", "http"};
  FailingCalls calls;
  SupervisorUnderTest supervisor(parking.text(), with(calls));
  supervisor.wait_for_idle(2);
  calls.fail("epoll_ctl", ENOSPC);
  std::list<HttpClient> clients;
  for (int i = 0; i < 5; ++i) {
    clients.emplace_back(supervisor.address());
    CHECK(clients.back().get() != 0);
  }
  for (HttpClient& client : clients) CHECK(client.get() != 0);
  const auto all_parked = [](const PoolTable& now) { return lobby_of(now).parked == 5; };
  SUBCASE("the kernel goes on refusing") {}
  SUBCASE("the kernel takes them again") { calls.succeed("epoll_ctl"); }
  SUBCASE("the supervisor is upgraded") {
    calls.succeed("epoll_ctl");
    supervisor.upgrade();
  }
  for (HttpClient& client : clients) CHECK(client.get() != 0);
  calls.succeed("epoll_ctl");
  supervisor.wait_for_pool("all are parked", all_parked);
}
