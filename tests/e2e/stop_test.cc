// The end: graceful within its time, quick when asked, and sudden.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/e2e/connect.h"
#include "tests/e2e/deaths.h"
#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

bool refuses(const std::string& address) { return !connect_tcp(address).valid(); }

const std::vector<std::string> kBusyUntilGo = scripted(
    {"ready", "recv", "busy", "mark:busy", "gate:go", "write:done", "shutdown", "close", "idle", "loop"});

void wait_until_it_stops(SupervisorUnderTest& supervisor) {
  eventually("it stops", [&] { return supervisor.status().stopping; });
}

}  // namespace

TEST_CASE("FAULTS 46: SIGTERM under load: what is busy finishes, what waits is served, and the status is 0") {
  SupervisorUnderTest supervisor(PoolText{.command = kBusyUntilGo, .workers = 2});
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) clients.emplace_back(supervisor.address());
  supervisor.gates().wait_for_marks("busy", 2);
  supervisor.wait_for_pool("three wait", [](const PoolTable& now) { return now["queue: now"] == 3; });
  SUBCASE("with SIGTERM") { supervisor.signal(SIGTERM); }
  SUBCASE("with SIGQUIT") { supervisor.signal(SIGQUIT); }
  wait_until_it_stops(supervisor);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("reload refused: the supervisor is stopping");
  supervisor.gates().open_for_good("go");
  for (Client& client : clients) {
    CHECK(client.receive() == "done");
    CHECK(client.end() == Client::End::kEof);
  }
  CHECK(supervisor.await_exit() == 0);
  CHECK(supervisor.events("worker_died", is_failure).empty());
}

TEST_CASE("FAULTS 46: a supervisor under full load stops without a connection lost") {
  SupervisorUnderTest supervisor(PoolText{.command = {"supervisor-worker", "line"}, .workers = 4});
  constexpr int kClients = 8;
  Load load(supervisor.address(), "S 500\n", kClients);
  load.wait_for_answers(100);
  CHECK(supervisor.stop() == 0);
  const Load::Tally tally = load.stop();
  // The kernel completes handshakes until the very moment that the listener is closed: a client in that
  // moment is reset, each of them once at most, for then nothing listens any more.
  CHECK(tally.nothing <= kClients);
  CHECK(tally.hung == 0);
  CHECK(tally.answered + tally.nothing == tally.connected);
}

TEST_CASE("FAULTS 46: workers that are not finished after stop_timeout are terminated, and the status is 1") {
  SupervisorUnderTest supervisor(
      PoolText{.command = kBusyUntilGo, .workers = 2, .more = R"("stop_timeout": "100ms")"});
  Client client(supervisor.address());
  supervisor.gates().wait_for_marks("busy");
  CHECK(supervisor.stop() == 1);
  CHECK(client.receive() == "");
}

TEST_CASE("FAULTS 46: workers that ignore SIGTERM are killed after kill_timeout") {
  SupervisorUnderTest supervisor(
      PoolText{.command = scripted({"ignore-term", "ready", "recv", "busy", "mark:busy", "hang"}),
               .more = R"("stop_timeout": "50ms", "health": {"kill_timeout": "50ms"})"});
  Client client(supervisor.address());
  supervisor.gates().wait_for_marks("busy");
  CHECK(supervisor.stop() == 1);
  CHECK(client.receive() == "");
}

TEST_CASE("FAULTS 46: a second signal, or SIGINT, does not wait for what is busy") {
  SupervisorUnderTest supervisor(PoolText{.command = kBusyUntilGo, .more = R"("stop_timeout": "10m")"});
  Client busy(supervisor.address());
  supervisor.gates().wait_for_marks("busy");
  Client queued(supervisor.address());
  supervisor.wait_for_pool("one waits", [](const PoolTable& now) { return now["queue: now"] == 1; });
  SUBCASE("SIGTERM twice") {
    supervisor.signal(SIGTERM);
    wait_until_it_stops(supervisor);
    supervisor.signal(SIGTERM);
  }
  SUBCASE("SIGINT") { supervisor.signal(SIGINT); }
  CHECK(supervisor.await_exit() == 1);  // before the ten minutes were over
  supervisor.wait_for_log(
      ": stopped; 2 connections were cut: 1 had been begun (lost), 1 was queued (discarded)\n");
  CHECK(busy.receive() == "");
  CHECK(queued.receive() == "");
}

TEST_CASE("FAULTS 167: the command stop says what the stop has cut, and its status is then 1") {
  SupervisorUnderTest supervisor(PoolText{.command = kBusyUntilGo});
  Client busy(supervisor.address());
  supervisor.gates().wait_for_marks("busy");
  std::vector<std::string> arguments{"stop", "--control", supervisor.control()};
  int status = 0;
  std::string said;
  SUBCASE("with a connection that is cut") {
    arguments.emplace_back("--quick");
    status = 1;
    said = "supervisor: pool main: stopped; 1 connection was cut: 1 had been begun (lost)\n";
  }
  SUBCASE("with all finished") { supervisor.gates().open("go"); }
  const CommandResult result = run_supervisor(arguments);
  CHECK(result.status == status);
  CHECK(result.errors == said);
  CHECK(result.output == (status == 0 ? "pool main: stopped\n" : ""));
  CHECK(supervisor.await_exit() == status);
}

TEST_CASE("SIGINT while nothing is busy is no failure") {
  SupervisorUnderTest supervisor(PoolText{.workers = 3});
  supervisor.wait_for_idle(3);
  CHECK(supervisor.stop(SIGINT) == 0);
}

TEST_CASE("a supervisor stops while its workers are still starting, or cannot start at all") {
  SupervisorUnderTest starting(PoolText{.command = scripted({"mark:here", "gate:never"}), .workers = 3});
  starting.gates().wait_for_marks("here", 3);
  CHECK(starting.stop() == 0);
  SupervisorUnderTest failing(PoolText{.command = {"/bin/false"}});
  failing.wait_for_event("pool_failed");
  CHECK(failing.stop() == 0);
}

TEST_CASE("while the supervisor stops, SIGHUP changes nothing and no client connects any more") {
  SupervisorUnderTest supervisor(PoolText{.command = kBusyUntilGo});
  Client client(supervisor.address());
  supervisor.gates().wait_for_marks("busy");
  supervisor.signal(SIGTERM);
  wait_until_it_stops(supervisor);
  eventually("no client connects any more", [&] { return refuses(supervisor.address()); });
  supervisor.rewrite_config(PoolText{.workers = 5});
  supervisor.signal(SIGHUP);
  supervisor.gates().open("go");
  CHECK(client.receive() == "done");
  CHECK(supervisor.await_exit() == 0);
  CHECK(supervisor.events("reload").empty());
}

TEST_CASE(
    "FAULTS 43: when the supervisor is killed, idle workers leave, busy ones finish, and a new one starts at "
    "once") {
  SupervisorUnderTest first(PoolText{.workers = 3});
  first.wait_for_idle(3);
  Client client(first.address());
  const PoolTable pool =
      first.wait_for_pool("one has begun", [](const PoolTable& now) { return now["begun"] == 1; });
  first.signal(SIGKILL);
  CHECK(first.await_exit() == -SIGKILL);
  for (const WorkerText& worker : pool.workers) {
    if (worker.state == "busy") continue;
    eventually("an idle worker leaves", [&] { return !is_alive(worker.pid); });
  }
  // The address is free although a worker of the old supervisor still serves.
  SupervisorUnderTest second(PoolText{.listen = {first.address()}}.text(), {});
  CHECK(ask(second.address(), "hello") == "hello");
  client.send("still served");
  CHECK(client.receive() == "still served");
}

TEST_CASE("FAULTS 43: a unix socket that a killed supervisor has left behind is taken over") {
  const TestDirectory directory;
  const std::string address = "unix:" + directory.at("pool.sock");
  SupervisorUnderTest first(PoolText{.listen = {address}});
  first.wait_for_idle(1);
  first.signal(SIGKILL);
  CHECK(first.await_exit() == -SIGKILL);
  SupervisorUnderTest second(PoolText{.listen = {address}});
  CHECK(ask(address, "hello") == "hello");
  CHECK(second.stop() == 0);
  CHECK(::access(directory.at("pool.sock").c_str(), F_OK) != 0);
}
