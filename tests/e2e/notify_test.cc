// Static servers, which know nothing of the supervisor, in a pool with the protocol accept-notify.
#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <string>
#include <vector>

#include "tests/e2e/load.h"
#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/process_list.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

PoolText server(const std::string& how = "", unsigned workers = 2, const std::string& more = "") {
  return server_pool("static-server", "accept-notify", how, workers, more);
}

pid_t server_of(const std::string& answer) {
  REQUIRE(answer.starts_with("OK "));
  return static_cast<pid_t>(std::stol(answer.substr(3)));
}

/// The notifier of a worker is its only child.
pid_t notifier_of(pid_t worker) {
  const std::vector<ProcessStat> children = children_of(worker);
  REQUIRE(children.size() == 1);
  return children.front().pid;
}

pid_t any_worker(SupervisorUnderTest& supervisor) {
  const PoolTable pool = supervisor.pool();
  return pool.workers.empty() ? 0 : pool.workers.front().pid;
}

/// Each connection has been answered, or was begun by a worker that was killed, or came back from two that
/// were.
void check_ledger(SupervisorUnderTest& supervisor, const Load::Tally& tally) {
  supervisor.wait_for_pool("nothing is under way", [&](const PoolTable& now) {
    return now["served"] + now["lost"] + now["gave_up"] == tally.connected;
  });
  CHECK(tally.hung == 0);
  CHECK(tally.refused == 0);
  const PoolTable pool = supervisor.pool();
  CHECK(tally.nothing <= pool["lost"] + pool["gave_up"]);  // an answer may have come without its end
  CHECK(pool["violations"] == 0);
}

/// From now on the kernel reports no calls of this process and its children to another one.
void deny_reports() {
  std::array<sock_filter, 6> code{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 8),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{static_cast<unsigned short>(code.size()), code.data()};
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) ::_exit(9);
}

}  // namespace

TEST_CASE("FAULTS 300: static servers of each kind serve behind the supervisor, and share the load") {
  std::string how;
  std::string more = R"("connections_per_worker": 4)";
  SUBCASE("with blocking calls") { more = ""; }
  SUBCASE("with an edge-triggered event loop") { how = "epoll"; }
  SUBCASE("with threads") { how = "threads"; }
  SUBCASE("in a child process") { how = "children"; }
  CAPTURE(how);
  SupervisorUnderTest supervisor(server(how, 2, more));
  supervisor.wait_for_idle(2);
  Load load(supervisor.address(), "hello", 4);
  load.wait_for_answers(500);
  const Load::Tally tally = load.stop();
  CHECK(tally.flawless());
  CHECK(tally.answers_of.size() == 2);
  supervisor.wait_for_pool("all are served",
                           [&](const PoolTable& now) { return now["served"] == tally.answered; });
  supervisor.wait_for_idle(2);
  CHECK(supervisor.pool()["violations"] == 0);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("FAULTS 301: static servers are killed under load: what they had not begun is served by others") {
  SupervisorUnderTest supervisor(server("", 3, R"("hold": "done")"));
  supervisor.wait_for_idle(3);
  Load load(supervisor.address(), "hello", 6);
  for (int i = 0; i < 8; ++i) {
    load.wait_for_answers(40);
    (void)::kill(any_worker(supervisor), SIGKILL);
  }
  check_ledger(supervisor, load.stop());
  supervisor.wait_for_idle(3);
}

TEST_CASE(
    "FAULTS 302: a notifier is killed: its worker is replaced, and others serve what it had not begun") {
  SupervisorUnderTest supervisor(server("", 3, R"("hold": "done")"));
  supervisor.wait_for_idle(3);
  Load load(supervisor.address(), "hello", 6);
  for (int i = 0; i < 5; ++i) {
    load.wait_for_answers(40);
    const pid_t worker = any_worker(supervisor);
    REQUIRE(::kill(notifier_of(worker), SIGKILL) == 0);
    supervisor.wait_for_pool("it is gone", [&](const PoolTable& now) {
      for (const WorkerText& one : now.workers) {
        if (one.pid == worker) return false;
      }
      return true;
    });
  }
  check_ledger(supervisor, load.stop());
  supervisor.wait_for_idle(3);
}

TEST_CASE("FAULTS 302: a notifier is killed while its server waits for a client: the server is ended") {
  SupervisorUnderTest supervisor(
      server("", 1, R"("stop_timeout": "100ms", "health": {"kill_timeout": "100ms"})"));
  supervisor.wait_for_idle(1);
  const pid_t worker = any_worker(supervisor);
  Client silent(supervisor.address());
  supervisor.wait_for_pool("it is begun", [](const PoolTable& now) { return now["begun"] == 1; });
  REQUIRE(::kill(notifier_of(worker), SIGKILL) == 0);
  supervisor.wait_for_event("worker_died");
  CHECK(server_of(ask(supervisor.address(), "x")) != worker);
}

TEST_CASE("FAULTS 303: wrong addresses, lengths and numbers in a server's calls harm neither it nor others") {
  SupervisorUnderTest supervisor(server("hostile", 2));
  supervisor.wait_for_idle(2);
  for (int i = 0; i < 6; ++i) (void)server_of(ask(supervisor.address(), "x"));
  CHECK(supervisor.pool()["violations"] == 0);
  CHECK(supervisor.pool()["crashes"] == 0);
}

TEST_CASE("FAULTS 304: a low limit of descriptors leaves fewer slots, and no connection is lost") {
  SupervisorUnderTest supervisor(
      server("threads", 1, R"("connections_per_worker": 100, "limits": {"nofile": 40})"));
  supervisor.wait_for_idle(1);
  Load load(supervisor.address(), "hello", 8);
  load.wait_for_answers(200);
  CHECK(load.stop().flawless());
  CHECK(supervisor.pool()["violations"] == 0);
}

TEST_CASE("FAULTS 304: what a server has opened by itself is never replaced by a connection") {
  SupervisorUnderTest supervisor(
      server("full", 1, R"("connections_per_worker": 4, "limits": {"nofile": 200})"));
  supervisor.wait_for_idle(1);
  for (int i = 0; i < 40; ++i) (void)server_of(ask(supervisor.address(), "x"));
  CHECK(supervisor.pool()["crashes"] == 0);
}

TEST_CASE("FAULTS 304: a server that lowers its limit of descriptors is told from one that is slow") {
  SupervisorUnderTest supervisor(server("lowers", 1, R"("limits": {"nofile": 200})"));
  supervisor.wait_for_log("the program has lowered its limit of descriptors");
  supervisor.wait_for_event("worker_died");
}

TEST_CASE("FAULTS 305: a server that is asked to end by its signal does so, though it waits in accept()") {
  SupervisorUnderTest supervisor(server("until-asked", 2, R"("stop_timeout": "20s")"));
  supervisor.wait_for_idle(2);
  (void)server_of(ask(supervisor.address(), "x"));
  CHECK(supervisor.stop() == 0);
  CHECK(supervisor.count_in_log("killed") == 0);
}

TEST_CASE("FAULTS 305: a stop lets a server finish the connection that it has begun") {
  SupervisorUnderTest supervisor(server("", 1));
  supervisor.wait_for_idle(1);
  Client client(supervisor.address());
  supervisor.wait_for_pool("it is begun", [](const PoolTable& now) { return now["begun"] == 1; });
  supervisor.signal(SIGTERM);
  supervisor.wait_for_log("stopping");
  client.send("x");
  CHECK(client.receive().starts_with("OK "));
  CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 306: an upgrade in place keeps static servers, and replaces one that dies later") {
  SupervisorUnderTest supervisor(server("", 1));
  supervisor.wait_for_idle(1);
  const pid_t before = server_of(ask(supervisor.address(), "x"));
  supervisor.upgrade();
  CHECK(server_of(ask(supervisor.address(), "x")) == before);
  REQUIRE(::kill(before, SIGKILL) == 0);
  supervisor.wait_for_event("worker_died");
  CHECK(server_of(ask(supervisor.address(), "x")) != before);
}

TEST_CASE("FAULTS 307: where the kernel reports no calls, the start of a worker fails with that reason") {
  SupervisorUnderTest supervisor(server("", 1).text(), {.in_child = deny_reports});
  supervisor.wait_for_log("start the notifier of protocol accept-notify: Operation not permitted");
}

TEST_CASE("FAULTS 308: signals end a server's calls all the time, and no connection is lost") {
  SupervisorUnderTest supervisor(server("interrupted", 2));
  supervisor.wait_for_idle(2);
  Load load(supervisor.address(), "hello", 4);
  load.wait_for_answers(1000);
  const Load::Tally tally = load.stop();
  CHECK(tally.flawless());
  supervisor.wait_for_pool("all are served",
                           [&](const PoolTable& now) { return now["served"] == tally.answered; });
  supervisor.wait_for_idle(2);
}

TEST_CASE("FAULTS 309: a server that closes its listener gives back what it has not begun") {
  SupervisorUnderTest supervisor(server("leaves", 1, R"("connections_per_worker": 2, "stop_timeout": "5s")"));
  supervisor.wait_for_idle(1);
  const pid_t first = server_of(ask(supervisor.address(), "x"));
  CHECK(server_of(ask(supervisor.address(), "x")) != first);
  CHECK(is_alive(first));  // its death would have given it back, too
  CHECK(supervisor.pool()["violations"] == 0);
}
