// Each dialect: a worker dies at each moment of a connection's life.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <string>

#include "tests/e2e/deaths.h"
#include "tests/e2e/dialects.h"
#include "tests/e2e/outside.h"
#include "tests/support/client.h"
#include "tests/support/contains.h"
#include "tests/support/eventually.h"
#include "tests/support/log_lines.h"
#include "tests/support/process_list.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using namespace std::chrono_literals;

namespace {

void check_lost(const Scene& scene) {
  const PoolTable now =
      scene.wait_for_pool("one is lost", [](const PoolTable& pool) { return pool["lost"] == 1; });
  CHECK(now["redispatched"] == 0);
  CHECK(now["served"] == 0);
}

}  // namespace

TEST_CASE("FAULTS 1 in each dialect: a worker is killed while idle, and no client notices") {
  in_each_dialect({1}, {.workers = 2}, [](const Scene& scene) {
    const pid_t victim = scene.worker();
    kill_at_once(victim);
    for (int i = 0; i < 4; ++i) scene.check_serves();
    (void)scene.check_served(4);
    CHECK(by_signal(death_of(scene.supervisor(), victim), SIGKILL));
    scene.wait_for_pool("it is replaced", [](const PoolTable& now) { return now.count("idle") == 2; });
  });
}

TEST_CASE("FAULTS 2 in each dialect: a worker is killed with a connection that it has not begun") {
  if (without_tracing()) return;
  in_each_dialect({2}, {}, [](const Scene& scene) {
    const pid_t victim = scene.worker();
    const Frozen frozen(scene.speaker(victim));
    Client client(scene.address());
    client.send("hello\n");
    scene.wait_for_pool("it is dispatched", [](const PoolTable& now) { return now["dispatched"] == 1; });
    kill_at_once(victim);
    check_answered(client);
    CHECK(scene.check_served(1)["gave_up"] == 0);
  });
}

TEST_CASE("FAULTS 3 in each dialect: a worker is killed when it has begun a connection and read nothing") {
  in_each_dialect({3}, {}, [](const Scene& scene) {
    Client client = scene.begun();
    const pid_t victim = scene.worker("busy");
    kill_at_once(victim);
    client.send("hello\n");
    check_answered(client);
    (void)scene.check_served(1);
  });
}

TEST_CASE("FAULTS 4 in each dialect: a worker is killed when it has read a request") {
  in_each_dialect({4}, {}, [](const Scene& scene) {
    Client client(scene.address());
    client.send("block\n");
    scene.wait_until_blocked();
    kill_at_once(scene.worker("busy"));
    CHECK(client.receive().empty());
    check_lost(scene);
    scene.check_serves();
  });
}

TEST_CASE("FAULTS 5 in each dialect: a worker is killed when it has sent part of its answer") {
  in_each_dialect({5}, {}, [](const Scene& scene) {
    Client client(scene.address());
    client.send("half\n");
    scene.wait_until_blocked();
    kill_at_once(scene.worker("busy"));
    CHECK(client.receive() == "half");
    check_lost(scene);
    scene.check_serves();
  });
}

TEST_CASE(
    "FAULTS 6 in each dialect: a worker is killed when the supervisor has not read that it has finished") {
  if (without_tracing()) return;
  in_each_dialect({6}, {}, [](const Scene& scene) {
    SupervisorUnderTest& supervisor = scene.supervisor();
    Client client = scene.begun();
    const pid_t victim = scene.worker("busy");
    const pid_t speaker = scene.speaker(victim);
    const prefork::Fd channel = channel_of(speaker);
    REQUIRE(channel.valid());
    supervisor.signal(SIGSTOP);
    eventually("the supervisor stands still", [&] { return process_stat(supervisor.pid()).state == 'T'; });
    const int unread = unread_of(channel);
    client.send("hello\n");
    check_answered(client);
    // A Node worker may report its load meanwhile: the end is said when no further line comes.
    int said = unread;
    auto since = std::chrono::steady_clock::now();
    eventually("it has said so", [&] {
      const auto now = std::chrono::steady_clock::now();
      if (const int size = unread_of(channel); size != said) said = size, since = now;
      return said > unread && now - since > 200ms;
    });
    kill_at_once(victim);
    supervisor.signal(SIGCONT);
    const PoolTable now = scene.check_served(1);
    CHECK(now["redispatched"] == 0);
  });
}

TEST_CASE("FAULTS 7 in each dialect: a connection of which two workers have died is closed") {
  in_each_dialect({7}, {.workers = 3}, [](const Scene& scene) {
    const std::size_t lines = scene.supervisor().count_in_log(log_line::kGaveUp);
    Client client = scene.begun();
    pid_t victim = scene.worker("busy");
    kill_at_once(victim);
    const pid_t first = victim;
    scene.wait_for_pool("another has it", [&](const PoolTable& now) {
      return now.count("busy") == 1 && now["begun"] == 2 && (victim = scene.worker("busy")) != first;
    });
    kill_at_once(victim);
    CHECK(client.receive().empty());
    const PoolTable now =
        scene.wait_for_pool("it is given up", [](const PoolTable& pool) { return pool["gave_up"] == 1; });
    CHECK(now["lost"] == 0);
    CHECK(contains(scene.supervisor().wait_for_log(log_line::kGaveUp, lines + 1), "127.0.0.1:"));
    scene.check_serves();
  });
}
