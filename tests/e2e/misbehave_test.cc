// Workers that break the protocol: each is killed and replaced, and no other worker suffers.
#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::StopReason;

namespace {

const std::string kQuick = R"("restart": {"backoff_min": "10ms"})";

/// What the first worker of a pool does; the one after it is an echo.
struct Misdeed {
  std::string what;
  std::vector<std::string> steps;
  std::string complaint;  ///< in the log
};

/// One pool a misdeed, all in one supervisor: so they are also pools that must not disturb each other.
SupervisorUnderTest::Options listening(std::size_t pools) { return {.listeners = pools}; }

std::string pools_of(const std::vector<Misdeed>& misdeeds) {
  std::vector<std::pair<std::string, PoolText>> pools;
  for (const Misdeed& misdeed : misdeeds) {
    const std::string name = "pool" + std::to_string(pools.size());
    std::vector<std::string> script = {"only-first:" + name};
    script.insert(script.end(), misdeed.steps.begin(), misdeed.steps.end());
    script.emplace_back("hang");
    pools.emplace_back(name, PoolText{.command = scripted(script), .more = kQuick});
  }
  return pools_text(pools);
}

/// Each pool's worker is killed for what it has done, and a client gets its answer all the same.
void check_each_is_killed(const std::vector<Misdeed>& misdeeds) {
  SupervisorUnderTest supervisor(pools_of(misdeeds), listening(misdeeds.size()));
  for (std::size_t i = 0; i < misdeeds.size(); ++i) {
    CAPTURE(misdeeds[i].what);
    CHECK(ask(supervisor.address(i), "hello") == "hello");
    const std::string name = "pool" + std::to_string(i);
    const EventText death = death_of(supervisor, name, 1);
    CHECK(because(death, StopReason::kViolation));
    CHECK_MESSAGE(contains(death.text("text"), misdeeds[i].complaint), death.text("text"));
    const std::string line = supervisor.wait_for_log("pool " + name + ": worker 1 ");
    CHECK_MESSAGE(contains(line, misdeeds[i].complaint), line);
  }
  eventually("each has served one", [&] {
    const StatusText status = supervisor.status();
    for (const PoolTable& pool : status.pools) {
      CHECK(pool["violations"] == 1);
      CHECK(pool["lost"] == 0);
      if (pool["served"] != 1) return false;
    }
    return true;
  });
}

}  // namespace

TEST_CASE(
    "FAULTS 15: a worker that sends garbage is killed, and the connection it had not begun goes to another") {
  check_each_is_killed({
      {"1 byte", {"ready", "recv", "send-garbage:1"}, "it sent a datagram of 1 bytes"},
      {"31 bytes", {"ready", "recv", "send-garbage:31"}, "it sent a datagram of 31 bytes"},
      {"a record's size", {"ready", "recv", "send-garbage:32"}, "it sent a record of unknown kind"},
      {"1000 bytes", {"ready", "recv", "send-garbage:1000"}, "it sent a datagram of 1000 bytes"},
      {"the largest datagram", {"ready", "recv", "send-garbage:2048"}, "it sent a record of unknown kind"},
      {"garbage in place of Ready", {"send-garbage:64"}, "it sent a record of unknown kind"},
  });
}

TEST_CASE("FAULTS 16: a worker that speaks of what it does not hold, or out of turn, is killed") {
  check_each_is_killed({
      {"Busy for an unknown ticket", {"ready", "recv", "send:kind=3,ticket=999"}, "a record for ticket 999"},
      {"Idle without Busy", {"ready", "recv", "idle"}, "a record for ticket "},
      {"Progress without Busy", {"ready", "recv", "progress"}, "a record for ticket "},
      {"Refused for an unknown ticket",
       {"ready", "recv", "send:kind=4,ticket=999"},
       "a record for ticket 999"},
      {"Busy before Ready", {"send:kind=3,ticket=1"}, "a record for ticket 1 before Ready"},
      {"Ready twice", {"ready", "ready"}, "Ready a second time"},
      {"Ready with another version", {"ready:version=9"}, "Ready with protocol version 9"},
      {"Ready without slots", {"ready:slots=0"}, "Ready with 0 slots"},
      {"Connection", {"ready", "recv", "send:kind=2"}, "record Connection"},
      {"Drain", {"ready", "recv", "send:kind=11"}, "it sent a record Drain"},
      {"Fork", {"ready", "recv", "send:kind=12"}, "record Fork"},
      {"Yield", {"ready", "recv", "send:kind=14"}, "record Yield"},
      {"Park of a connection that it does not have",
       {"ready", "recv", "send:kind=6,ticket=999"},
       "a record for ticket 999"},
  });
}

TEST_CASE("FAULTS 202: a worker that goes on after Leave as if it had not said it is killed") {
  check_each_is_killed({
      {"Leave before Ready", {"leave"}, "Leave before Ready"},
      {"Busy of what it has given back", {"ready", "recv", "leave", "busy"}, "which it does not hold"},
      {"Refused of it", {"ready", "recv", "leave", "refused"}, "which it does not hold"},
      {"Ready", {"ready", "recv", "leave", "ready"}, "Ready a second time"},
  });
}

TEST_CASE(
    "FAULTS 202: a worker that floods its channel with Leave gets no time by it, and others are served") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:bad", "ready", "recv", "mark:floods", "flood:100000000,kind=15"}),
       .workers = 2,
       .more = R"("restart": {"backoff_min": "10ms"}, "health": {"kill_timeout": "200ms"})"});
  // One of two silent clients comes to the worker, which gives it back.
  Client first(supervisor.address());
  Client second(supervisor.address());
  const pid_t flooder = supervisor.gates().wait_for_marks("floods").at(0);
  first.close();
  second.close();
  for (int i = 0; i < 20; ++i) CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(by_signal(death_of(supervisor, flooder), SIGTERM));
  CHECK(supervisor.pool()["violations"] == 0);
  CHECK(supervisor.pool()["lost"] == 0);
}

TEST_CASE("FAULTS 120: a worker that claims a connection and leaves it in its channel is killed") {
  check_each_is_killed({
      {"Busy and Idle", {"ready", "peek", "busy", "idle"}, "unread in its channel"},
      {"Refused", {"ready", "peek", "refused"}, "unread in its channel"},
  });
}

TEST_CASE("FAULTS 16: a worker that says Idle twice is killed, and the connection it served stays served") {
  SupervisorUnderTest supervisor({.command = scripted({"only-first:bad", "ready", "recv", "busy", "write:bye",
                                                       "shutdown", "close", "idle", "idle", "hang"}),
                                  .more = kQuick});
  CHECK(Client(supervisor.address()).receive() == "bye");
  CHECK(ask(supervisor.address(), "hello") == "hello");
  const PoolTable pool =
      supervisor.wait_for_pool("both are served", [](const PoolTable& now) { return now["served"] == 2; });
  CHECK(pool["violations"] == 1);
}

TEST_CASE("FAULTS 16: a worker that says Busy twice is killed, and what it had begun ends with it") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:bad", "ready", "recv", "busy", "busy", "hang"}), .more = kQuick});
  CHECK(ask(supervisor.address(), "hello") == "");
  CHECK(ask(supervisor.address(), "hello") == "hello");
  const PoolTable pool =
      supervisor.wait_for_pool("one is served", [](const PoolTable& now) { return now["served"] == 1; });
  CHECK(pool["violations"] == 1);
  CHECK(pool["lost"] == 1);
}

TEST_CASE(
    "FAULTS 17: a datagram of 0 bytes is not taken for the channel's end, but for the violation it is") {
  check_each_is_killed({{"0 bytes", {"ready", "recv", "send-zero"}, "a datagram of 0 bytes"}});
}

TEST_CASE("FAULTS 18: a datagram of 200,000 bytes is refused without being read") {
  check_each_is_killed(
      {{"200,000 bytes", {"ready", "recv", "send-big"}, "a datagram of more than 2048 bytes"}});
}

TEST_CASE("FAULTS 19: a worker that floods its channel does not keep others from being served") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:flooder", "ready", "recv", "busy", "mark:floods", "flood:100000000"}),
       .workers = 2});
  // One of two silent clients comes to the flooder, and the other keeps its worker from being chosen before.
  Client first(supervisor.address());
  Client second(supervisor.address());
  supervisor.gates().wait_for_marks("floods");
  first.close();
  second.close();
  for (int i = 0; i < 20; ++i) CHECK(ask(supervisor.address(), "hello") == "hello");
  // The second one left silently: it was served only if its worker was ready before.
  supervisor.wait_for_pool("all are served",
                           [](const PoolTable& pool) { return pool["served"] + pool["left"] == 21; });
}

TEST_CASE("FAULTS 20: a worker that sends a descriptor gets none to the supervisor") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"only-first:bad", "ready", "recv", "send-fd"}), .more = kQuick});
  // Where the kernel refuses it the worker goes on and serves its next client; elsewhere it is killed.
  Client first(supervisor.address());
  first.send("hello");
  eventually("it was refused or punished", [&] {
    return !supervisor.gates().marks("send-fd-refused").empty() || supervisor.pool()["violations"] == 1;
  });
  first.close();
  if (supervisor.gates().marks("send-fd-refused").empty())
    CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE(
    "FAULTS 21, 22: a worker that closes its channel, or half of it, and lives on is ended and replaced") {
  const std::vector<std::vector<std::string>> all = {
      {"close-channel"}, {"shutdown-channel:rd"}, {"shutdown-channel:wr"}};
  std::vector<std::pair<std::string, PoolText>> pools;
  for (const auto& steps : all) {
    const std::string name = "pool" + std::to_string(pools.size());
    std::vector<std::string> script = {"only-first:" + name, "ready", "ignore-term"};
    script.insert(script.end(), steps.begin(), steps.end());
    script.insert(script.end(), {"mark:" + name, "hang"});
    pools.emplace_back(name, PoolText{.command = scripted(script),
                                      .more = kQuick + R"(, "health": {"kill_timeout": "50ms"})"});
  }
  SupervisorUnderTest supervisor(pools_text(pools), listening(all.size()));
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(all[i].front());
    const pid_t victim = supervisor.gates().wait_for_marks("pool" + std::to_string(i)).at(0);
    CHECK(ask(supervisor.address(i), "hello") == "hello");
    eventually("it is dead", [&] { return !is_alive(victim); });
    const EventText died = death_of(supervisor, victim);
    CHECK(by_signal(died, SIGKILL));
    CHECK(because(died, StopReason::kChannelClosed));
  }
}

TEST_CASE(
    "FAULTS 23: a worker that ignores SIGTERM and Drain cannot hold up the stop for longer than "
    "kill_timeout") {
  SupervisorUnderTest supervisor({.command = scripted({"ready", "ignore-term", "mark:stubborn", "hang"}),
                                  .workers = 2,
                                  .more = R"("health": {"kill_timeout": "100ms"})"});
  supervisor.gates().wait_for_marks("stubborn", 2);
  supervisor.wait_for_idle(2);
  CHECK(supervisor.stop() == 0);  // no connection was cut
  CHECK(supervisor.log().find(": stopped; 2 workers were killed\n") != std::string::npos);
}

TEST_CASE("FAULTS 23: a worker that ignores SIGTERM and Drain cannot hold up a reload") {
  SupervisorUnderTest supervisor({.command = scripted({"ready", "ignore-term", "mark:stubborn", "hang"}),
                                  .more = R"("health": {"kill_timeout": "100ms"})"});
  const pid_t old = supervisor.gates().wait_for_marks("stubborn").at(0);
  supervisor.wait_for_idle(1);
  supervisor.rewrite_config(PoolText{.more = R"("health": {"kill_timeout": "100ms"})"});
  supervisor.signal(SIGHUP);
  eventually("the old worker is dead", [&] { return !is_alive(old); });
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE(
    "FAULTS 24: a death is noticed although a grandchild holds the channel, and the connection is served") {
  SupervisorUnderTest supervisor({.command = scripted({"only-first:bad", "ready", "recv", "busy",
                                                       "fork-holder:leave", "gate:die", "die:KILL"}),
                                  .more = kQuick + R"(, "hold": "done")"});
  Client client(supervisor.address());
  client.send("hello");
  const pid_t holder = supervisor.gates().wait_for_marks("leave.held").at(0);
  supervisor.gates().open("die");
  CHECK(client.receive() == "hello");
  CHECK(is_alive(holder));
  supervisor.gates().open("leave");
  eventually("the grandchild is reaped", [&] { return process_stat(holder).state == '?'; });
}

TEST_CASE("FAULTS 24: a client whose worker died hears it at once although a grandchild holds its socket") {
  SupervisorUnderTest supervisor({.command = scripted({"only-first:bad", "ready", "recv", "busy", "read:1",
                                                       "fork-holder:leave", "gate:die", "die:KILL"}),
                                  .more = kQuick + R"(, "hold": "done")"});
  Client client(supervisor.address());
  client.send("hello");
  const pid_t holder = supervisor.gates().wait_for_marks("leave.held").at(0);
  supervisor.gates().open("die");
  CHECK(client.receive() == "");
  CHECK(is_alive(holder));
  supervisor.gates().open("leave");
}

TEST_CASE("FAULTS 27: a client hears the end although its worker has closed the socket without shutdown") {
  for (const std::string& more : {std::string(R"("hold": "receipt")"), std::string(R"("hold": "done")")}) {
    CAPTURE(more);
    SupervisorUnderTest supervisor(
        {.command = scripted({"ready", "recv", "busy", "read:5", "write:bye", "close", "idle"}),
         .more = more});
    Client client(supervisor.address());
    client.send("hello");
    CHECK(client.receive() == "bye");
    CHECK(client.end() == Client::End::kEof);
  }
}
