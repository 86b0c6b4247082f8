// Servers that know nothing of the supervisor, in a pool with the protocol accept.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/load.h"
#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

PoolText server(const std::string& how = "", unsigned workers = 2, const std::string& more = "") {
  return server_pool("ordinary-server", "accept", how, workers, more);
}

const std::string kSoon = R"("health": {"start_timeout": "300ms"})";

/// The pid in an answer of the server.
pid_t server_of(const std::string& answer) { return static_cast<pid_t>(std::stol("0" + answer)); }

}  // namespace

TEST_CASE("an ordinary server serves behind the supervisor, and its connections go to the least busy copy") {
  SupervisorUnderTest supervisor(server());
  supervisor.wait_for_idle(2);
  std::set<pid_t> pids;
  for (int i = 0; i < 10; ++i) {
    const std::string answer = ask(supervisor.address(), "hello");
    CHECK(answer.ends_with(" hello"));
    pids.insert(server_of(answer));
  }
  CHECK(pids.size() == 2);
  supervisor.wait_for_pool("all are served", [](const PoolTable& now) { return now["served"] == 10; });
  CHECK(supervisor.pool()["violations"] == 0);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("a server that is started by scripts for bash, which has a setenv() of its own, serves") {
  PoolText pool = server("", 1);
  pool.command = {"bash", "-c", "x=1; exec bash -c 'y=2; exec ordinary-server'"};
  SupervisorUnderTest supervisor(pool);
  CHECK(ask(supervisor.address(), "x").ends_with(" x"));
}

TEST_CASE("an ordinary server in Python serves behind the supervisor") {
  PoolText pool = server();
  pool.command = {"/usr/bin/python3", "-c",
                  "import os, http.server as h; h.ThreadingHTTPServer((os.environ['HOST'], "
                  "int(os.environ['PORT'])), h.SimpleHTTPRequestHandler).serve_forever()"};
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_idle(2);
  for (int i = 0; i < 4; ++i)
    CHECK(ask(supervisor.address(), "GET /no-such-file HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404"));
  CHECK(supervisor.pool()["violations"] == 0);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("FAULTS 274: another address of an accept pool is a rollout, and both addresses serve after it") {
  PoolText pool = server();
  pool.listen = {"unix:@accept-test-first", "127.0.0.1:0"};
  SupervisorUnderTest supervisor(pool.text(), {.listeners = 2});
  supervisor.wait_for_idle(2);
  pool.listen = {"127.0.0.1:0"};
  supervisor.rewrite_config(pool);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("workers are replaced: listen");
  supervisor.wait_for_log("generation 2 takes over");
  supervisor.wait_for_idle(2);
  CHECK(ask(supervisor.address(1), "again").ends_with(" again"));
}

TEST_CASE("FAULTS 275: an upgrade in place keeps the servers, and replaces one that dies later") {
  SupervisorUnderTest supervisor(server("", 1));
  supervisor.wait_for_idle(1);
  const pid_t before = server_of(ask(supervisor.address(), "x"));
  supervisor.upgrade();
  CHECK(server_of(ask(supervisor.address(), "x")) == before);
  REQUIRE(::kill(before, SIGKILL) == 0);
  CHECK(server_of(ask(supervisor.address(), "x")) != before);
}

TEST_CASE(
    "FAULTS 278: a server that listens elsewhere is ended in time, and the log and the events say where") {
  SupervisorUnderTest supervisor(server("elsewhere", 1, kSoon));
  const std::string line = supervisor.wait_for_log("it never listened at an address of the pool (");
  CHECK(line.find("(" + supervisor.address() + "); it listens at 127.0.0.1:") != std::string::npos);
  const EventText died = supervisor.wait_for_event("worker_died");
  CHECK(died.text("text").find("; it listens at 127.0.0.1:") != std::string::npos);
}

TEST_CASE(
    "FAULTS 278: a reload to a server that listens elsewhere fails with that reason, and the old one "
    "serves") {
  SupervisorUnderTest supervisor(server("", 1, kSoon));
  supervisor.wait_for_idle(1);
  supervisor.rewrite_config(server("elsewhere", 1, kSoon));
  supervisor.signal(SIGHUP);
  const std::string line = supervisor.wait_for_log("rollout failed");
  CHECK(line.find("; it listens at 127.0.0.1:") != std::string::npos);
  CHECK(ask(supervisor.address(), "x").ends_with(" x"));
}

TEST_CASE(
    "FAULTS 275: a new program is refused without its accept library; with it later servers get that one") {
  const Program program;
  const auto supervisor = start(program, server("", 1).text());
  supervisor->wait_for_idle(1);
  const std::string directory = program.path().substr(0, program.path().rfind('/'));
  std::filesystem::create_directory(directory + "/bin");
  (void)program.use_copy("bin/supervisor");
  supervisor->signal(SIGUSR2);
  const std::string refusal = supervisor->wait_for_event("upgrade_refused").text("text");
  const std::string begin = "\"accept\" needs the library \"";
  const std::size_t at = refusal.find(begin);
  REQUIRE_MESSAGE(at != std::string::npos, refusal);
  const std::string library = refusal.substr(at + begin.size(), refusal.rfind('"') - at - begin.size());
  REQUIRE(library.starts_with(directory + "/lib"));
  std::filesystem::create_directories(std::filesystem::path(library).parent_path());
  std::filesystem::copy_file(ACCEPT_LIBRARY, library);
  supervisor->upgrade();
  const pid_t before = server_of(ask(supervisor->address(), "x"));
  REQUIRE(::kill(before, SIGKILL) == 0);
  const pid_t after = server_of(ask(supervisor->address(), "x"));
  CHECK(after != before);
  std::ifstream environment("/proc/" + std::to_string(after) + "/environ");
  const std::string text(std::istreambuf_iterator<char>(environment), {});
  CHECK(text.find("LD_PRELOAD=" + library) != std::string::npos);
}

TEST_CASE("FAULTS 278: a program that never listens is told apart from one that is slow") {
  SupervisorUnderTest supervisor(server("never", 1, kSoon));
  supervisor.wait_for_log("it never listened at an address of the pool (" + supervisor.address() +
                          "); a program that speaks the worker protocol needs \"protocol\": \"native\"");
}

TEST_CASE("FAULTS 251: a program that wants to accept with io_uring is told that this is not supported") {
  SupervisorUnderTest supervisor(server("io_uring", 1, kSoon));
  supervisor.wait_for_log("it never listened at an address of the pool (" + supervisor.address() +
                          "); it asked for io_uring, which is refused");
}

TEST_CASE("FAULTS 279: a server that goes to the background is told to stay in the foreground") {
  SupervisorUnderTest supervisor(server("background", 1));
  supervisor.wait_for_log("it went to the background: its process ended");
}

TEST_CASE("FAULTS 146: an ordinary server without the protocol accept is told which protocol it needs") {
  PoolText pool = server("", 1);
  pool.more = "";
  SupervisorUnderTest started(pool);
  PoolText second = pool;
  second.more = R"("environment": {"HOST": "127.0.0.1", "PORT": ")" +
                started.address().substr(started.address().rfind(':') + 1) + "\"}";
  started.rewrite_config(second);
  started.signal(SIGHUP);
  started.wait_for_log(
      "its output tells of an address that is in use: the supervisor listens there, and an ordinary server "
      "needs \"protocol\": \"accept\"");
}

// The end of these tests looks for processes that are left.
TEST_CASE("FAULTS 280: the children of a server that has to be killed are killed with it") {
  const std::string soon = R"("health": {"kill_timeout": "100ms"}, "stop_timeout": "100ms")";
  SupervisorUnderTest supervisor(server("children", 1, soon));
  supervisor.wait_for_idle(1);
  Client client(supervisor.address());  // a connection that it serves: so it is not ended at once
  supervisor.wait_for_pool("it is begun", [](const PoolTable& now) { return now["with workers"] == 1; });
  CHECK(supervisor.stop() == 1);
}

TEST_CASE("FAULTS 280: the children that a server has left are told to end") {
  SupervisorUnderTest supervisor(server("forgets", 1));
  supervisor.wait_for_idle(1);
  CHECK(supervisor.stop() == 0);
}
