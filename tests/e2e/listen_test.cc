// The way in: addresses that are taken, a second supervisor, and more connections than there is room for.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "tests/support/client.h"
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
