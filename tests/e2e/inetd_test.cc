// supervisor-worker inetd under the real supervisor: programs that know nothing of it, and such that hang.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/eventually.h"
#include "tests/support/process_list.h"
#include "tests/support/sanitized.h"
#include "tests/support/supervisor_under_test.h"
#include "tests/support/test_directory.h"

using namespace prefork::test;
using prefork::StopReason;

namespace {

std::vector<std::string> inetd(std::vector<std::string> program) {
  program.insert(program.begin(), {"supervisor-worker", "inetd", "--"});
  return program;
}

std::vector<std::string> shell(const std::string& script) { return inetd({"sh", "-c", script}); }

PoolTable wait_for_served(SupervisorUnderTest& supervisor, std::uint64_t count) {
  return supervisor.wait_for_pool(std::to_string(count) + " are served",
                                  [count](const PoolTable& pool) { return pool["served"] == count; });
}

/// Says the pids of a process in the background and its own, and waits for the process.
const char* const kWithBackground = "sleep 1000 & echo $! $$; wait";

std::vector<pid_t> pids_in(const std::string& answer) {
  return {std::stoi(answer), std::stoi(answer.substr(answer.find(' ')))};
}

void all_end(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) eventually("a process has ended", [pid] { return !is_alive(pid); });
}

}  // namespace

TEST_CASE("each connection gets a program; the ledger counts them as served, and nothing is left") {
  SupervisorUnderTest supervisor({.command = inetd({"cat"}),
                                  .workers = 2,
                                  .listen = {"127.0.0.1:0", "[::1]:0", "unix:TEST_DIRECTORY/sock"},
                                  .more = R"("connections_per_worker": 2)"});
  const std::vector<std::string> addresses = supervisor.addresses();
  for (int i = 0; i < 12; ++i) {
    Client client(addresses.at(static_cast<std::size_t>(i) % addresses.size()));
    client.send("hello");
    CHECK(client.receive(5) == "hello");
    client.finish();
    CHECK(client.receive() == "");
    CHECK(client.end() == Client::End::kEof);
  }
  const PoolTable pool = wait_for_served(supervisor, 12);
  CHECK(pool["lost"] == 0);
  CHECK(pool["violations"] == 0);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("a program is told the client's address, of each kind of listener") {
  SupervisorUnderTest supervisor({.command = shell("echo $PROTO $TCPREMOTEIP $UNIXREMOTEPID"),
                                  .listen = {"127.0.0.1:0", "[::1]:0", "unix:TEST_DIRECTORY/sock"}});
  CHECK(Client(supervisor.address(0)).receive() == "TCP 127.0.0.1\n");
  CHECK(Client(supervisor.address(1)).receive() == "TCP6 ::1\n");
  CHECK(Client(supervisor.address(2)).receive() == "UNIX " + std::to_string(::getpid()) + "\n");
}

TEST_CASE("how a program has failed is in the log under its worker, and in the status") {
  SupervisorUnderTest supervisor({.command = shell("echo oops >&2; exit 3")});
  CHECK(ask(supervisor.address(), "") == "");
  CHECK(supervisor.wait_for_log("]: oops").find("main[") != std::string::npos);
  CHECK(supervisor.wait_for_log("exited with status 3").find("main[") != std::string::npos);
  const PoolTable pool = wait_for_served(supervisor, 1);
  CHECK(pool.workers.at(0).note.ends_with("sh exited with status 3"));
}

TEST_CASE("a worker can be forked by a template") {
  SupervisorUnderTest supervisor({.command = inetd({"cat"}), .workers = 2, .more = R"("start": "fork")"});
  supervisor.wait_for_idle(2);
  for (int i = 0; i < 4; ++i) {
    Client client(supervisor.address());
    client.send("hello");
    client.finish();
    CHECK(client.receive() == "hello");
  }
}

TEST_CASE("a stop and a reload let the programs that run finish") {
  PoolText pool{.command = inetd({"cat"})};
  SupervisorUnderTest supervisor(pool);
  Client client(supervisor.address());
  client.send("hello");
  CHECK(client.receive(5) == "hello");
  bool stops = false;
  SUBCASE("a stop") { stops = true; }
  SUBCASE("a reload") {}
  if (stops) {
    supervisor.signal(SIGTERM);
  } else {
    pool.command = inetd({"cat", "-u"});
    supervisor.rewrite_config(pool);
    supervisor.signal(SIGHUP);
    (void)supervisor.wait_for_log("generation 2 takes over");
  }
  client.send(" last words");
  client.finish();
  CHECK(client.receive() == " last words");
  if (stops) CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 330: the programs of a killed worker die with it, and what it had not begun is served") {
  SupervisorUnderTest supervisor({.command = shell(kWithBackground), .more = R"("hold": "done")"});
  Client first(supervisor.address());
  const std::vector<pid_t> pids = pids_in(first.receive_some());
  Client second(supervisor.address());
  supervisor.wait_for_pool("one waits", [](const PoolTable& now) { return now["queue: now"] == 1; });
  REQUIRE(::kill(supervisor.pool().workers.at(0).pid, SIGKILL) == 0);
  CHECK(first.receive() == "");
  all_end(pids);
  const std::vector<pid_t> others = pids_in(second.receive_some());
  CHECK(others != pids);
  CHECK(supervisor.pool()["lost"] == 1);
  REQUIRE(::kill(others.front(), SIGTERM) == 0);
  CHECK(second.receive() == "");
}

TEST_CASE("FAULTS 331, 332: a connection waits while the program is missing, and is served when it is back") {
  const TestDirectory directory;
  const std::string text = "#!/bin/sh\nread line\necho $line\n";
  const std::string program = directory.write("program", text, 0755);
  SupervisorUnderTest supervisor(
      {.command = inetd({program}), .workers = 4, .more = R"("restart": {"backoff_min": "10ms"})"});
  CHECK(ask(supervisor.address(), "before\n") == "before\n");
  supervisor.wait_for_idle(4);
  REQUIRE(::unlink(program.c_str()) == 0);
  Client client(supervisor.address());
  client.send("after\n");
  (void)supervisor.wait_for_log("this worker leaves, and its connections go to others", 4);
  (void)supervisor.wait_for_log("supervisor-worker: inetd: " + program + ": No such file or directory\n");
  (void)directory.write("program", text, 0755);
  CHECK(client.receive() == "after\n");
  const PoolTable pool = wait_for_served(supervisor, 2);
  CHECK(pool["lost"] == 0);
  CHECK(pool["gave_up"] == 0);
}

TEST_CASE("FAULTS 333: with hold: done a connection whose program could not be executed is served later") {
  const TestDirectory directory;
  const std::string program =
      directory.write("program", "#!" + directory.at("interpreter") + "\nread line\necho $line\n", 0755);
  // Time enough between the first worker's end and the next one's start.
  SupervisorUnderTest supervisor(
      {.command = inetd({program}), .more = R"("hold": "done", "restart": {"backoff_min": "2s"})"});
  Client client(supervisor.address());
  client.send("hello\n");
  (void)supervisor.wait_for_log("cannot be executed: No such file or directory");
  REQUIRE(::symlink("/bin/sh", directory.at("interpreter").c_str()) == 0);
  CHECK(client.receive() == "hello\n");
  const PoolTable pool = wait_for_served(supervisor, 1);
  CHECK(pool["lost"] == 0);
  CHECK(pool["redispatched"] == 1);
}

TEST_CASE("FAULTS 337: a program that hangs is ended by busy_timeout, with all that it has started") {
  std::string script;
  SUBCASE("it never reads") { script = kWithBackground; }
  SUBCASE("it has closed its input and output and goes on") {
    script = "sleep 1000 <&- >&- 2>&- & echo $! $$; exec <&- >&- 2>&-; wait";
  }
  SUBCASE("it ignores SIGTERM") { script = std::string("trap '' TERM HUP INT; ") + kWithBackground; }
  SupervisorUnderTest supervisor(
      {.command = shell(script),
       .more = R"("hold": "done", "health": {"busy_timeout": "500ms", "kill_timeout": "200ms"})"});
  Client client(supervisor.address());
  client.send("hello");
  const std::vector<pid_t> pids = pids_in(client.receive_some());
  CHECK(client.receive() == "");
  const EventText died = supervisor.wait_for_event("worker_died");
  CHECK(because(died, StopReason::kBusyTimeout));
  all_end(pids);
  CHECK(supervisor.pool()["lost"] == 1);
}

TEST_CASE("git, rsync and sshd serve through inetd workers, some of which are killed") {
  if (kSanitized) return;  // the programs would be started with its environment
  const std::string command = std::string(SOURCE_ROOT) + "/script/test-inetd --short --supervisor " +
                              SupervisorUnderTest::built_program();
  CHECK(std::system(command.c_str()) == 0);
}
