// The classic protocol: workers as textbooks write them, and such that die or misbehave at every moment.
#include <doctest/doctest.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/eventually.h"
#include "tests/support/log_lines.h"
#include "tests/support/process_list.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::StopReason;

namespace {

const std::string kClassic = R"("protocol": "classic", "restart": {"backoff_min": "10ms"})";
const std::string kForked = kClassic + R"(, "start": "fork")";

/// A pool of scripted workers. The first one does `steps`; later ones are echoes.
PoolText with_first(std::vector<std::string> steps, const std::string& more = "") {
  steps.insert(steps.begin(), {"only-first:first", "ready"});
  return {.command = scripted(std::move(steps)), .more = kClassic + more};
}

std::string at_unix(const SupervisorUnderTest& supervisor) {
  return "unix:" + supervisor.directory().path() + "/sock";
}

PoolTable wait_for_served(SupervisorUnderTest& supervisor, std::uint64_t count) {
  return supervisor.wait_for_pool(std::to_string(count) + " are served",
                                  [count](const PoolTable& pool) { return pool["served"] == count; });
}

}  // namespace

TEST_CASE("a textbook's worker serves unchanged, and leaves at the end of its channel") {
  PoolText pool{.command = {"classic-worker"}, .workers = 3, .more = kClassic};
  SUBCASE("executed, with the channel at descriptor 0") {}
  SUBCASE("forked by a template that only links the library") {
    pool.command = {"classic-forked"};
    pool.more = kForked;
  }
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_idle(3);
  for (int i = 0; i < 30; ++i) CHECK(ask(supervisor.address(), "S 0\n").starts_with("OK "));
  const PoolTable served = wait_for_served(supervisor, 30);
  for (const WorkerText& worker : served.workers) {
    if (worker.state != "template") CHECK(worker.served == 10);
  }
  CHECK(served["violations"] == 0);
  CHECK(supervisor.stop() == 0);
  for (const EventText& died : supervisor.events("worker_died")) CHECK(by_exit(died, 0));
  CHECK(supervisor.log().find("killed") == std::string::npos);
}

TEST_CASE("a classic worker has its channel at descriptor 0, its output at 1 and 2, and nothing else") {
  SupervisorUnderTest supervisor(
      {.command = {"/bin/sh", "-c", "ls -l /proc/$$/fd >&2; env >&2; exec classic-worker"},
       .more = kClassic});
  CHECK(ask(supervisor.address(), "S 0\n").starts_with("OK "));
  CHECK(supervisor.wait_for_log(" 0 -> ").find("socket:") != std::string::npos);
  CHECK(supervisor.wait_for_log(" 1 -> ").find("pipe:") != std::string::npos);
  CHECK(supervisor.wait_for_log(" 2 -> ").find("pipe:") != std::string::npos);
  CHECK(supervisor.log().find(" 3 -> ") == std::string::npos);
  CHECK(supervisor.log().find("SUPERVISOR_") == std::string::npos);
}

TEST_CASE("FAULTS 1: a classic worker that is killed while idle is replaced, and no client notices") {
  SupervisorUnderTest supervisor({.command = scripted({"ready"}), .workers = 2, .more = kClassic});
  (void)kill_while_idle(supervisor);
}

TEST_CASE("FAULTS 2, 210: what a classic worker has not received goes to another, from any client") {
  PoolText pool = with_first({"mark:here", "gate:never"});
  pool.listen.emplace_back("unix:TEST_DIRECTORY/sock");
  SupervisorUnderTest supervisor(pool.text(), {.listeners = 2});
  std::string address = supervisor.address();
  SUBCASE("TCP") {}
  SUBCASE("unix, where there are no counters of bytes") { address = at_unix(supervisor); }
  const pid_t victim = supervisor.gates().wait_for_marks("here").at(0);
  Client client(address);
  client.send("hello");
  supervisor.wait_for_pool("it is dispatched", [](const PoolTable& now) { return now["dispatched"] == 1; });
  REQUIRE(::kill(victim, SIGKILL) == 0);
  CHECK(client.receive() == "hello");
  const PoolTable after = wait_for_served(supervisor, 1);
  CHECK(after["lost"] == 0);
  CHECK(after["redispatched"] == 0);  // the worker never had it
}

TEST_CASE("FAULTS 3: what a classic worker has received and not touched goes to another") {
  SupervisorUnderTest supervisor(with_first({"recv", "die:KILL"}));
  CHECK(ask(supervisor.address(), "hello") == "hello");
  const PoolTable pool = wait_for_served(supervisor, 1);
  CHECK(pool["redispatched"] == 1);
  CHECK(pool["lost"] == 0);
}

TEST_CASE("FAULTS 4, 5: what a classic worker has read from or answered is lost with it, at once") {
  std::vector<std::string> deed = {"recv"};
  std::string heard;
  SUBCASE("read") { deed.emplace_back("read:1"); }
  SUBCASE("answered") {
    deed.emplace_back("write:half");
    heard = "half";
  }
  deed.emplace_back("die:KILL");
  SupervisorUnderTest supervisor(with_first(deed));
  Client client(supervisor.address());
  client.send("hello");
  CHECK(client.receive() == heard);
  CHECK(client.end() != Client::End::kNone);
  const PoolTable pool =
      supervisor.wait_for_pool("one is lost", [](const PoolTable& now) { return now["lost"] == 1; });
  CHECK(pool["redispatched"] == 0);
  CHECK(supervisor.gates().marks("served").empty());
}

TEST_CASE(
    "FAULTS 4: of a unix client it cannot be known whether a dead classic worker has read: it is lost") {
  PoolText pool = with_first({"recv", "die:KILL"});
  pool.listen = {"unix:TEST_DIRECTORY/sock"};
  SupervisorUnderTest supervisor(pool);
  CHECK(ask(at_unix(supervisor), "hello") == "");
  supervisor.wait_for_pool("one is lost", [](const PoolTable& now) { return now["lost"] == 1; });
  CHECK(ask(at_unix(supervisor), "and now?") == "and now?");
}

TEST_CASE("FAULTS 6: a classic worker that dies with its int unread has finished its connection") {
  SupervisorUnderTest supervisor(
      with_first({"recv", "mark:received", "gate:go", "close", "idle", "mark:finished", "die:KILL"}));
  Client client(supervisor.address());
  const pid_t victim = supervisor.gates().wait_for_marks("received").at(0);
  supervisor.signal(SIGSTOP);
  eventually("the supervisor stands still", [&] { return process_stat(supervisor.pid()).state == 'T'; });
  supervisor.gates().open("go");
  supervisor.gates().wait_for_marks("finished");
  eventually("the worker is dead", [&] { return !is_alive(victim); });
  supervisor.signal(SIGCONT);
  CHECK(client.receive() == "");
  const PoolTable pool = wait_for_served(supervisor, 1);
  CHECK(pool["lost"] == 0);
  CHECK(pool["redispatched"] == 0);
  CHECK(supervisor.gates().marks("served").empty());
}

TEST_CASE("FAULTS 7: a connection that kills each classic worker that receives it is closed after two") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"ready", "recv", "mark:poisoned", "die:SEGV"}), .workers = 4, .more = kClassic});
  supervisor.wait_for_idle(4);
  Client client(supervisor.address());
  client.send("poison");
  CHECK(client.receive() == "");
  CHECK(supervisor.wait_for_log(log_line::kGaveUp).find("127.0.0.1:") != std::string::npos);
  CHECK(supervisor.gates().marks("poisoned").size() == 2);
  const PoolTable pool =
      supervisor.wait_for_pool("it was given up", [](const PoolTable& now) { return now["gave_up"] == 1; });
  CHECK(pool["lost"] == 0);
}

TEST_CASE("FAULTS 15, 16, 18, 212: a classic worker that sends what fits no connection is killed") {
  std::vector<std::string> misdeed;
  std::uint64_t served = 1;
  SUBCASE("a byte") { misdeed = {"send-garbage:1"}; }
  SUBCASE("an int") { misdeed = {"idle"}; }
  SUBCASE("200,000 bytes") { misdeed = {"send-big"}; }
  SUBCASE("a second int for the same connection") {
    misdeed = {"recv", "close", "mark:done", "idle", "idle"};
    served = 2;
  }
  misdeed.emplace_back("hang");
  SupervisorUnderTest supervisor(with_first(misdeed));
  if (served == 2) CHECK(ask(supervisor.address(), "hello") == "");
  CHECK(because(supervisor.wait_for_event("worker_died"), StopReason::kViolation));
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.wait_for_log("though it has no connection").find("worker 1 ") != std::string::npos);
  const PoolTable pool = wait_for_served(supervisor, served);
  CHECK(pool["violations"] == 1);
  CHECK(pool["lost"] == 0);
}

TEST_CASE("FAULTS 17: a classic worker that sends 0 bytes has sent nothing, which is no end of its channel") {
  SupervisorUnderTest supervisor(with_first({"send-zero"}));
  CHECK(ask(supervisor.address(), "hello") == "hello");
  const PoolTable pool = wait_for_served(supervisor, 1);
  CHECK(pool["violations"] == 0);
  CHECK(pool["starts"] == 1);
}

TEST_CASE("FAULTS 213: a classic worker that leaves its connection unread and says it is done is killed") {
  std::vector<std::string> misdeed = {"gate:go", "idle", "hang"};
  SUBCASE("once") {}
  SUBCASE("again and again") { misdeed[1] = "send-big"; }
  SupervisorUnderTest supervisor(with_first(misdeed));
  Client client(supervisor.address());
  client.send("hello");
  supervisor.wait_for_pool("it is dispatched", [](const PoolTable& now) { return now["dispatched"] == 1; });
  supervisor.gates().open("go");
  CHECK(client.receive() == "hello");
  CHECK(because(supervisor.wait_for_event("worker_died"), StopReason::kViolation));
  CHECK(supervisor.wait_for_log("unread in its channel").find("worker 1 ") != std::string::npos);
}

TEST_CASE("FAULTS 19: a classic worker that floods its channel does not keep others from being served") {
  PoolText pool = with_first({"recv", "mark:floods", "flood:100000000"}, R"(, "idle_value": 0)");
  pool.workers = 2;
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_idle(2);
  // One of two silent clients comes to the flooder, and the other keeps its worker from being chosen before.
  Client first(supervisor.address());
  Client second(supervisor.address());
  supervisor.gates().wait_for_marks("floods");
  first.close();
  second.close();
  for (int i = 0; i < 20; ++i) CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.pool()["violations"] == 0);
}

TEST_CASE("FAULTS 20: a classic worker that sends a descriptor gets none to the supervisor") {
  SupervisorUnderTest supervisor(with_first({"recv", "send-fd"}));
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
    "FAULTS 21, 22, 23: a classic worker that closes its channel, or half of it, is ended and replaced") {
  std::string deed;
  SUBCASE("all") { deed = "close-channel"; }
  SUBCASE("its receiving half") { deed = "shutdown-channel:rd"; }
  SUBCASE("its sending half") { deed = "shutdown-channel:wr"; }
  SupervisorUnderTest supervisor(
      with_first({"ignore-term", deed, "mark:done", "hang"}, R"(, "health": {"kill_timeout": "50ms"})"));
  const pid_t victim = supervisor.gates().wait_for_marks("done").at(0);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  const EventText died = death_of(supervisor, victim);
  CHECK(by_signal(died, SIGKILL));
  CHECK(because(died, StopReason::kChannelClosed));
}

TEST_CASE(
    "FAULTS 24: the death of a classic worker is noticed though a grandchild holds channel and socket") {
  std::vector<std::string> steps = {"recv"};
  std::string answer = "hello";
  SUBCASE("and the connection goes to another worker") {}
  SUBCASE("and the client hears the end") {
    steps.emplace_back("read:1");
    answer = "";
  }
  steps.insert(steps.end(), {"fork-holder:leave", "gate:die", "die:KILL"});
  SupervisorUnderTest supervisor(with_first(steps));
  Client client(supervisor.address());
  client.send("hello");
  const pid_t holder = supervisor.gates().wait_for_marks("leave.held").at(0);
  supervisor.gates().open("die");
  CHECK(client.receive() == answer);
  CHECK(is_alive(holder));
  supervisor.gates().open("leave");
  eventually("the grandchild is reaped", [&] { return process_stat(holder).state == '?'; });
}

TEST_CASE("with busy_timeout a classic worker may take as long as it sends ints that do not mean idle") {
  SupervisorUnderTest supervisor(
      with_first({"recv", "mark:begun", "gate:on", "progress", "gate:on", "progress", "hang"},
                 R"(, "idle_value": 0, "health": {"busy_timeout": "300ms"})"));
  Client client(supervisor.address());
  client.send("hello");
  supervisor.gates().wait_for_marks("begun");
  supervisor.gates().open("on");
  supervisor.gates().open("on");
  CHECK(client.receive() == "");
  CHECK(because(supervisor.wait_for_event("worker_died"), StopReason::kBusyTimeout));
}

TEST_CASE("a change of the protocol or of idle_value replaces the workers one by one") {
  const PoolText native{.workers = 2};
  const PoolText classic{.command = {"classic-worker", "echo"}, .workers = 2, .more = kClassic};
  PoolText zero = classic;
  zero.more += R"(, "idle_value": 0)";
  SupervisorUnderTest supervisor(native);
  std::vector<pid_t> before = supervisor.wait_for_idle(2).pids();
  for (const PoolText& next : {classic, zero, native}) {
    supervisor.rewrite_config(next);
    supervisor.signal(SIGHUP);
    const PoolTable after = supervisor.wait_for_pool("all are replaced", [&](const PoolTable& pool) {
      const std::vector<pid_t> pids = pool.pids();
      return pool.count("idle") == 2 && pids.size() == 2 && pids[0] != before[0] && pids[0] != before[1] &&
             pids[1] != before[0] && pids[1] != before[1];
    });
    before = after.pids();
    for (int i = 0; i < 4; ++i) CHECK(ask(supervisor.address(), "hello") == "hello");
  }
  CHECK(supervisor.pool()["violations"] == 0);
}

TEST_CASE("FAULTS 215: classic workers whose program dies at once take no connection with them") {
  SupervisorUnderTest supervisor({.command = {"/bin/sh", "-c", "exit 3"}, .workers = 4, .more = kClassic});
  Client client(supervisor.address());
  client.send("S 0\n");
  for (int i = 0; i < 5; ++i) CHECK(by_exit(supervisor.wait_for_event("worker_died"), 3));
  CHECK(client.silent());
  supervisor.rewrite_config({.command = {"classic-worker"}, .workers = 4, .more = kClassic});
  supervisor.signal(SIGHUP);
  CHECK(client.receive().starts_with("OK "));
  CHECK(supervisor.pool()["gave_up"] == 0);
}

TEST_CASE("FAULTS 216: an upgrade in place keeps classic workers, with connections and without") {
  SupervisorUnderTest supervisor(
      {.command = scripted({"ready", "recv", "mark:begun", "gate:go", "write:done", "close", "idle"}),
       .workers = 2,
       .more = kClassic});
  Client client(supervisor.address());
  supervisor.gates().wait_for_marks("begun");
  const std::vector<pid_t> before = supervisor.pool().pids();
  supervisor.upgrade();
  CHECK(supervisor.pool().pids() == before);
  supervisor.gates().open_for_good("go");
  CHECK(client.receive() == "done");
  wait_for_served(supervisor, 1);
  CHECK(ask(supervisor.address(), "") == "done");
  CHECK(supervisor.pool()["violations"] == 0);
  CHECK(supervisor.stop() == 0);
}
