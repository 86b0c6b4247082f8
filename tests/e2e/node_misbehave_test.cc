// Workers of the protocol node that die or misbehave at every moment.
#include <doctest/doctest.h>

#include <csignal>
#include <string>

#include "tests/e2e/deaths.h"
#include "tests/e2e/node_pool.h"
#include "tests/support/client.h"
#include "tests/support/contains.h"
#include "tests/support/eventually.h"
#include "tests/support/process_list.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::StopReason;

TEST_CASE("FAULTS 1: a Node worker that is killed while idle is replaced, and no client notices") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("", 2));
  (void)kill_while_idle(supervisor);
}

TEST_CASE(
    "FAULTS 2, 369: what a Node worker has not accepted goes to another, and so does what was not sent") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("hang", 1, R"(, "connections_per_worker": 3)"));
  Client hung(supervisor.address());
  const pid_t victim = supervisor.gates().wait_for_marks("hangs").at(0);
  Client first(supervisor.address());
  Client second(supervisor.address());
  Client waits(supervisor.address());
  for (Client* client : {&first, &second, &waits}) client->send("hello");
  supervisor.wait_for_pool("its slots are taken",
                           [](const PoolTable& now) { return now["dispatched"] == 3; });
  REQUIRE(::kill(victim, SIGKILL) == 0);
  for (Client* client : {&first, &second, &waits}) {
    client->finish();
    CHECK(client->receive() == "hello");
  }
  const PoolTable after = wait_for_node_served(supervisor, 3);
  CHECK(after["lost"] == 1);  // the one that it served
  CHECK(after["redispatched"] == 2);
}

TEST_CASE("FAULTS 3: what a Node worker has accepted and not touched goes to another with hold: done") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("begin and die", 1, R"(, "hold": "done")"));
  CHECK(ask(supervisor.address(), "hello") == "hello");
  const PoolTable pool = wait_for_node_served(supervisor, 1);
  CHECK(pool["redispatched"] == 1);
  CHECK(pool["lost"] == 0);
}

TEST_CASE("FAULTS 4, 5: what a Node worker has read from or answered is lost with it, at once") {
  if (without_node()) return;
  std::string deed;
  std::string heard;
  SUBCASE("read") { deed = "read and die"; }
  SUBCASE("answered") {
    deed = "answer and die";
    heard = "half";
  }
  SupervisorUnderTest supervisor(node_pool(deed, 1, R"(, "hold": "done")"));
  Client client(supervisor.address());
  client.send("hello");
  CHECK(client.receive() == heard);
  CHECK(client.end() != Client::End::kNone);
  const PoolTable pool =
      supervisor.wait_for_pool("one is lost", [](const PoolTable& now) { return now["lost"] == 1; });
  CHECK(pool["redispatched"] == 0);
}

TEST_CASE("FAULTS 6: a Node worker that dies with its last line unread has finished its connection") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("end and die", 1, R"(, "hold": "done")"));
  Client client(supervisor.address());
  client.send("hello");
  const pid_t victim = supervisor.gates().wait_for_marks("received").at(0);
  supervisor.signal(SIGSTOP);
  eventually("the supervisor stands still", [&] { return process_stat(supervisor.pid()).state == 'T'; });
  supervisor.gates().open_for_good("go");
  client.finish();
  eventually("the worker is dead", [&] { return !is_alive(victim); });
  supervisor.signal(SIGCONT);
  CHECK(client.receive() == "");
  const PoolTable pool = wait_for_node_served(supervisor, 1);
  CHECK(pool["lost"] == 0);
  CHECK(pool["redispatched"] == 0);
}

TEST_CASE("FAULTS 15, 16, 360: a Node worker that sends what Node would not send is killed and replaced") {
  if (without_node()) return;
  std::string deed;
  std::string words;
  SUBCASE("garbage") {
    deed = "garbage";
    words = R"(the line "\x01\x02garbage", which is not JSON)";
  }
  SUBCASE("a ticket that it does not have") {
    deed = "unknown ticket";
    words = "12345678";
  }
  SupervisorUnderTest supervisor(node_pool(deed));
  CHECK(because(supervisor.wait_for_event("worker_died"), StopReason::kViolation));
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(contains(supervisor.wait_for_log(words), "worker 1 "));
  CHECK(supervisor.pool()["violations"] == 1);
}

TEST_CASE("FAULTS 19: a Node worker that floods its channel does not keep others from being served") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("flood", 2, R"(, "health": {"receipt_timeout": "500ms"})"));
  supervisor.gates().wait_for_marks("floods");
  supervisor.wait_for_pool("the other is ready",
                           [](const PoolTable& pool) { return pool.count("idle") >= 1; });
  for (int i = 0; i < 10; ++i) CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE("FAULTS 20: a Node worker that sends a descriptor gets none to the supervisor") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("descriptor", 1, R"(, "health": {"receipt_timeout": "500ms"})"));
  const pid_t sender = supervisor.gates().wait_for_marks("sent").at(0);
  // Where the kernel refuses the descriptor, Node waits for its acknowledgement for ever, and says nothing
  // more.
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(by_signal(death_of(supervisor, sender), SIGKILL));
}

TEST_CASE("FAULTS 21, 23: a Node worker that closes its channel and ignores SIGTERM is ended and replaced") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("disconnect", 1, R"(, "health": {"kill_timeout": "50ms"})"));
  const pid_t victim = supervisor.gates().wait_for_marks("closed").at(0);
  const EventText died = death_of(supervisor, victim);
  CHECK(by_signal(died, SIGKILL));
  CHECK(because(died, StopReason::kChannelClosed));
  CHECK(ask(supervisor.address(), "hello") == "hello");
}
