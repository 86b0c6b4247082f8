// Connections that only wait, silent or parked, through all that happens to a supervisor and its workers.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/http_client.h"
#include "tests/support/command.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

constexpr std::size_t kSilent = 5;
constexpr std::size_t kParked = 5;
constexpr const char* kKept = R"("wait_for_data": true, "keep_alive": {"park": true})";

PoolText keeping(const std::string& more = kKept) {
  return {.command = {"supervisor-worker", "http"}, .workers = 2, .more = more};
}

/// A supervisor with clients of both kinds, and none with a worker.
struct Kept {
  explicit Kept(const std::string& more = kKept) : supervisor(keeping(more).text(), {}) {
    workers = supervisor.wait_for_idle(2).pids();
    for (std::size_t i = 0; i < kParked; ++i) {
      parked.push_back(std::make_unique<HttpClient>(supervisor.address()));
      REQUIRE(parked.back()->get() != 0);
    }
    for (std::size_t i = 0; i < kSilent; ++i)
      silent.push_back(std::make_unique<HttpClient>(supervisor.address()));
    wait_for_lobby();
  }
  void wait_for_lobby() {
    supervisor.wait_for_pool("all are in the lobby", [](const PoolTable& now) {
      const LobbyText lobby = lobby_of(now);
      return lobby.silent == kSilent && lobby.parked == kParked && now["with workers"] == 0;
    });
  }
  /// All clients are still there, ask on the connections that they have, and are answered.
  void all_are_served() {
    for (const auto& clients : {&parked, &silent}) {
      for (const auto& client : *clients) CHECK(client->connection().silent());
      for (const auto& client : *clients) CHECK(client->get() != 0);
    }
    const PoolTable pool = supervisor.pool();
    CHECK(pool["accepted"] == kSilent + kParked);
    CHECK(pool["lost"] == 0);
    CHECK(pool["served"] == 0);
  }
  void wait_for_others() {
    supervisor.wait_for_pool("others serve", [&](const PoolTable& now) {
      return now.workers.size() == 2 && now.count("idle") == 2 && now.pids().at(0) != workers.at(0) &&
             now.pids().at(1) != workers.at(1) && now.pids().at(0) != workers.at(1);
    });
  }

  SupervisorUnderTest supervisor;
  std::vector<pid_t> workers;
  std::vector<std::unique_ptr<HttpClient>> parked, silent;
};

}  // namespace

TEST_CASE("clients that wait stay when all workers are replaced") {
  Kept kept;
  SUBCASE("by a reload") {
    kept.supervisor.rewrite_config(keeping(kKept + std::string(R"(, "environment": {"NEW": "1"})")));
    kept.supervisor.signal(SIGHUP);
    kept.wait_for_others();
  }
  SUBCASE("by a restart") {
    CHECK(run_supervisor({"restart", "-c", kept.supervisor.config_file()}).status == 0);
    kept.wait_for_others();
  }
  SUBCASE("FAULTS 1: because they are killed") {
    for (const pid_t worker : kept.workers) REQUIRE(::kill(worker, SIGKILL) == 0);
    kept.wait_for_others();
  }
  kept.all_are_served();
}

TEST_CASE("clients that wait stay while workers are recycled by what they serve") {
  Kept kept(kKept + std::string(R"(, "recycle": {"connections": 3, "jitter": 0})"));
  const PoolTable pool = kept.supervisor.wait_for_pool("workers were recycled", [&](const PoolTable& now) {
    for (const auto& client : kept.parked) CHECK(client->get() != 0);
    return now["starts"] >= 6;
  });
  CHECK(pool["crashes"] == 0);
  kept.wait_for_lobby();
  kept.all_are_served();
}

TEST_CASE("clients that wait stay when a reload ends the waiting of new ones") {
  Kept kept;
  kept.supervisor.rewrite_config(keeping(""));
  kept.supervisor.signal(SIGHUP);
  CHECK(kept.supervisor.wait_for_event("reload").flag("applied"));
  // A client that is not parked keeps its worker for as long as the worker wants: so each asks, and leaves.
  for (const auto& clients : {&kept.silent, &kept.parked}) {
    for (const auto& client : *clients) {
      CHECK(client->get() != 0);
      client->connection().close();
    }
  }
  kept.supervisor.wait_for_pool("all have left", [](const PoolTable& now) {
    return now["served"] == kSilent + kParked && now["with workers"] == 0;
  });
}

TEST_CASE("FAULTS 66: an upgrade in place leaves waiting clients where they are") {
  Kept kept;
  std::vector<std::unique_ptr<HttpClient>> asking;
  for (std::size_t i = 0; i < 2; ++i) {
    asking.push_back(std::make_unique<HttpClient>(kept.supervisor.address()));
    asking.back()->ask("/?ms=500");
  }
  // A request that comes while no supervisor looks.
  kept.supervisor.expect_upgrade();
  kept.supervisor.signal(SIGSTOP);
  kept.supervisor.signal(SIGUSR2);
  kept.silent.front()->ask();
  kept.parked.front()->ask();
  kept.supervisor.signal(SIGCONT);
  kept.supervisor.await_upgrade();
  CHECK(kept.silent.front()->answer() != 0);
  CHECK(kept.parked.front()->answer() != 0);
  for (const auto& client : asking) CHECK(client->answer() != 0);
  kept.supervisor.wait_for_pool("all are in the lobby again", [](const PoolTable& now) {
    return lobby_of(now).silent + lobby_of(now).parked == kSilent + kParked + 2;
  });
  for (const auto& clients : {&kept.parked, &kept.silent, &asking}) {
    for (const auto& client : *clients) CHECK(client->get() != 0);
  }
  const PoolTable pool = kept.supervisor.pool();
  CHECK(pool["accepted"] == kSilent + kParked + 2);
  CHECK(pool["lost"] == 0);
  CHECK(pool.pids() == kept.workers);
}

TEST_CASE("FAULTS 66: clients that ask again and again are all answered, whatever is replaced under them") {
  Kept kept;
  std::atomic<bool> stop = false;
  std::atomic<int> answers = 0;
  std::atomic<int> unanswered = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, address = kept.supervisor.address()] {
      HttpClient client(address);
      while (!stop && unanswered == 0) ++(client.get("/?ms=1") != 0 ? answers : unanswered);
    });
  }
  for (int round = 0; round < 3; ++round) {
    const int before = answers;
    kept.supervisor.upgrade();
    CHECK(run_supervisor({"restart", "-c", kept.supervisor.config_file()}).status == 0);
    eventually("they are answered", [&] { return answers > before + 20; });
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(unanswered == 0);
  for (const auto& client : kept.parked) CHECK(client->get() != 0);
}

TEST_CASE("after an upgrade in place clients that waited before are let go in time") {
  Kept kept(
      R"("wait_for_data": true, "first_byte_timeout": "1s", "keep_alive": {"park": true, "idle_timeout": "1s"})");
  kept.supervisor.upgrade();
  for (const auto& clients : {&kept.parked, &kept.silent}) {
    for (const auto& client : *clients) {
      CHECK(client->answer() == 0);
      CHECK(client->connection().end() == Client::End::kEof);
    }
  }
}

TEST_CASE(
    "FAULTS 46: at SIGTERM clients that wait are closed cleanly at once, and one that has just asked is "
    "served") {
  Kept kept;
  kept.supervisor.signal(SIGSTOP);
  eventually("the supervisor stands still", [&] { return process_stat(kept.supervisor.pid()).state == 'T'; });
  kept.silent.front()->ask();
  kept.parked.front()->ask();
  kept.supervisor.signal(SIGTERM);
  const auto begin = std::chrono::steady_clock::now();
  kept.supervisor.signal(SIGCONT);
  CHECK(kept.supervisor.await_exit() == 0);
  // A worker waits five seconds for a client; the stop has not waited for that.
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(4));
  for (const auto& clients : {&kept.parked, &kept.silent}) {
    CHECK(clients->front()->answer() != 0);
    for (const auto& client : *clients) {
      CHECK(client->answer() == 0);
      CHECK(client->connection().end() == Client::End::kEof);
    }
  }
}

TEST_CASE("FAULTS 43: when the supervisor is killed clients that wait see the end, and the workers leave") {
  Kept kept;
  kept.supervisor.signal(SIGKILL);
  CHECK(kept.supervisor.await_exit() == -SIGKILL);
  for (const auto& clients : {&kept.parked, &kept.silent}) {
    for (const auto& client : *clients) CHECK(client->answer() == 0);
  }
  for (const pid_t worker : kept.workers) eventually("a worker leaves", [&] { return !is_alive(worker); });
}
