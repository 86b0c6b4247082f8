// The way in: addresses that are taken, a second supervisor, and more connections than there is room for.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

PoolText full_pool(const std::string& queue) {
  return {.command = scripted({"ready", "recv", "busy", "mark:busy", "gate:go", "write:done", "shutdown",
                               "close", "idle", "loop"}),
          .more = "\"queue\": {\"max\": 1, " + queue + "}"};
}

}  // namespace

TEST_CASE("FAULTS 54: a port in use ends the start with status 1, the address, the reason, and no worker") {
  SupervisorUnderTest first(PoolText{});
  SupervisorUnderTest second(
      PoolText{.command = scripted({"mark:started"}), .listen = {first.address(), "127.0.0.1:0"}}.text(),
      {.await_start = false});
  CHECK(second.await_exit() == 1);
  CHECK(second.log().find("error   listen " + first.address() + ": Address already in use; ") !=
        std::string::npos);
  CHECK(second.gates().marks("started").empty());
  CHECK(ask(first.address(), "hello") == "hello");
}

TEST_CASE(
    "FAULTS 54: of several listeners one that cannot be opened ends the start, and no unix path is left") {
  const TestDirectory directory;
  SupervisorUnderTest supervisor(
      PoolText{.listen = {"unix:" + directory.at("pool.sock"), "192.0.2.1:8080"}}.text(),
      {.await_start = false});
  CHECK(supervisor.await_exit() == 1);
  CHECK(supervisor.log().find("listen 192.0.2.1:8080: Cannot assign requested address") != std::string::npos);
  CHECK(::access(directory.at("pool.sock").c_str(), F_OK) != 0);
}

TEST_CASE(
    "FAULTS 55: a unix path where another process listens, or where a file lies, ends the start with status "
    "1") {
  const TestDirectory directory;
  const std::string live = "unix:" + directory.at("live.sock");
  SupervisorUnderTest first(PoolText{.listen = {live}});
  const std::string file = "unix:" + directory.write("notes.txt", "precious");
  for (const std::string& address : {live, file}) {
    SupervisorUnderTest second(PoolText{.listen = {address}}.text(), {.await_start = false});
    CHECK(second.await_exit() == 1);
    CHECK(second.log().find("listen " + address + ": ") != std::string::npos);
  }
  CHECK(ask(live, "hello") == "hello");
}

TEST_CASE(
    "FAULTS 68: a second supervisor with the same configuration is refused by its control socket; the first "
    "does not notice") {
  SupervisorUnderTest first(PoolText{.workers = 2});
  const PoolTable before = first.wait_for_idle(2);
  {
    SupervisorUnderTest second("", {.await_start = false, .config_file = first.config_file()});
    CHECK(second.await_exit() == 1);
    CHECK(second.log().find("control socket: listen unix:" + first.control() +
                            ": Address already in use; ") != std::string::npos);
    CHECK(second.log().find("listening on") == std::string::npos);
  }
  CHECK(first.wait_for_idle(2).pids() == before.pids());
  CHECK(ask(first.address(), "hello") == "hello");
}

TEST_CASE(
    "FAULTS 75: whoever may read the configuration may lock it, and the supervisor starts, reloads and "
    "starts "
    "again") {
  const TestDirectory files;
  const std::string config = files.write("pool.json", PoolText{.control = false}.text());
  const prefork::Fd lock(::open(config.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(::flock(lock.get(), LOCK_EX | LOCK_NB) == 0);
  for (int start = 0; start < 2; ++start) {
    SupervisorUnderTest supervisor("", {.config_file = config});
    supervisor.signal(SIGHUP);
    supervisor.wait_for_log("pool main: reloaded");
    CHECK(ask(supervisor.address(), "hello") == "hello");
    supervisor.allow_leftovers();
    CHECK(supervisor.stop() == 0);
  }
}

TEST_CASE(
    "FAULTS 77, 79, 97: health says that a socket's file was removed, HUP brings it back, and so does HUP "
    "after "
    "an upgrade") {
  const Program program;
  const TestDirectory files;
  const std::string path = files.at("pool.sock");
  const auto supervisor = start(program, PoolText{.listen = {"unix:" + path}}.text());
  supervisor->wait_for_idle(1);
  for (const bool upgraded : {false, true}) {
    CAPTURE(upgraded);
    REQUIRE(::unlink(path.c_str()) == 0);
    if (upgraded) supervisor->upgrade();
    const CommandResult ill = run_supervisor({"health", "-c", supervisor->config_file()});
    CHECK(ill.status == 1);
    CHECK(ill.output.find("pool main: not healthy, 1 of 1 worker ready; the file of unix:" + path +
                          " is missing, a reload opens it anew") != std::string::npos);
    REQUIRE(::unlink(supervisor->control().c_str()) == 0);
    supervisor->signal(SIGHUP);
    supervisor->wait_for_log("control socket at " + supervisor->control(), upgraded ? 3 : 2);
    CHECK(run_supervisor({"health", "-c", supervisor->config_file()}).status == 0);
    CHECK(ask("unix:" + path, "hello") == "hello");
  }
}

TEST_CASE(
    "FAULTS 98, 99: listeners at port 0 and at a host name keep their ports through an upgrade and HUP") {
  const Program program;
  const PoolText pool{.listen = {"127.0.0.1:0", "localhost:0", "127.0.0.1:0"}};
  const auto supervisor = start(program, pool.text(), 3);
  supervisor->wait_for_idle(1);
  const std::vector<std::string> before = supervisor->addresses();
  const auto check_all = [&](const char* when) {
    CAPTURE(when);
    CHECK(supervisor->pool().listeners == before.size());
    for (const std::string& address : before) CHECK(ask(address, "hello") == "hello");
    CHECK(supervisor->addresses() == before);  // no listener was opened since
  };
  check_all("at the start");
  supervisor->upgrade();
  check_all("after an upgrade");
  supervisor->signal(SIGHUP);
  CHECK(supervisor->wait_for_event("reload").flag("applied"));
  check_all("after a reload");
}

TEST_CASE("full: reject tells a client that there is no room, in the words of the configuration") {
  SupervisorUnderTest supervisor(full_pool(R"("full": "reject", "reject_with": "no room\n")"));
  Client busy(supervisor.address());
  supervisor.gates().wait_for_marks("busy");
  Client queued(supervisor.address());
  supervisor.wait_for_pool("one waits", [](const PoolTable& now) { return now["queue: now"] == 1; });
  for (int i = 0; i < 20; ++i) {
    Client client(supervisor.address());
    client.send("please");
    CHECK(client.receive() == "no room\n");
    CHECK(client.end() == Client::End::kEof);
  }
  CHECK(supervisor.pool()["rejected"] == 20);
  supervisor.gates().open_for_good("go");
  CHECK(busy.receive() == "done");
  CHECK(queued.receive() == "done");
}

TEST_CASE("full: wait lets clients wait in the kernel's backlog, and loses none of them") {
  SupervisorUnderTest supervisor(full_pool(R"("full": "wait")"));
  Client busy(supervisor.address());
  supervisor.gates().wait_for_marks("busy");
  std::vector<Client> waiting;
  for (int i = 0; i < 20; ++i) waiting.emplace_back(supervisor.address());
  const PoolTable pool = supervisor.wait_for_pool(
      "the queue is full", [](const PoolTable& now) { return now["queue: now"] == 1; });
  CHECK(pool["accepted"] == 2);
  supervisor.gates().open_for_good("go");
  CHECK(busy.receive() == "done");
  for (Client& client : waiting) CHECK(client.receive() == "done");
  const PoolTable after =
      supervisor.wait_for_pool("all are served", [](const PoolTable& now) { return now["served"] == 21; });
  CHECK(after["accepted"] == 21);
}

TEST_CASE("a client that waits longer than the queue's timeout is told so") {
  SupervisorUnderTest supervisor(full_pool(R"("timeout": "50ms", "reject_with": "too late\n")"));
  supervisor.wait_for_idle(1);  // the first client does not wait
  Client busy(supervisor.address());
  supervisor.gates().wait_for_marks("busy");
  Client queued(supervisor.address());
  CHECK(queued.receive() == "too late\n");
  CHECK(queued.end() == Client::End::kEof);
  CHECK(supervisor.pool()["expired"] == 1);
  supervisor.gates().open_for_good("go");
  CHECK(busy.receive() == "done");
}
