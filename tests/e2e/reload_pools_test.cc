// SIGHUP with pools that come, go and take over each other's listeners; and pools that change their size.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

std::string pools(const std::string& inner) { return "{\"pools\": {" + inner + "}, " + kWithControl + "}"; }

std::string echo_pool(const std::string& name, const std::string& listen, unsigned workers = 1) {
  return "\"" + name + "\": {\"listen\": \"" + listen +
         R"(", "command": ["supervisor-worker", "echo"], "workers": )" + std::to_string(workers) +
         R"(, "queue": {"max": 1}})";
}

}  // namespace

TEST_CASE("a pool is added and removed while another serves on") {
  const TestDirectory directory;
  const std::string one = "unix:" + directory.at("one.sock");
  const std::string two = "unix:" + directory.at("two.sock");
  SupervisorUnderTest supervisor(pools(echo_pool("one", one)), {});
  supervisor.wait_for_idle(1);
  const pid_t first = supervisor.pool().workers.at(0).pid;
  supervisor.rewrite_config(pools(echo_pool("one", one) + ", " + echo_pool("two", two)));
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").flag("applied"));
  CHECK(ask(two, "hello") == "hello");
  CHECK(ask(one, "hello") == "hello");
  CHECK(supervisor.status().pool("one").workers.at(0).pid == first);
  supervisor.rewrite_config(pools(echo_pool("one", one)));
  supervisor.signal(SIGHUP);
  eventually("it has stopped", [&] { return supervisor.status().pools.size() == 1; });
  CHECK(::access(directory.at("two.sock").c_str(), F_OK) != 0);
  CHECK(ask(one, "hello") == "hello");
  CHECK(supervisor.pool().workers.at(0).pid == first);
}

TEST_CASE("a pool that is removed finishes what it has begun and what it has queued") {
  const TestDirectory directory;
  const std::string one = "unix:" + directory.at("one.sock");
  const std::string two = "unix:" + directory.at("two.sock");
  SupervisorUnderTest supervisor(pools(echo_pool("one", one) + ", " + echo_pool("two", two)),
                                 {.listeners = 2});
  Client busy(two);
  eventually("it is busy", [&] { return supervisor.status().pool("two").count("busy") == 1; });
  Client queued(two);
  eventually("one waits", [&] { return supervisor.status().pool("two")["queue: now"] == 1; });
  supervisor.rewrite_config(pools(echo_pool("one", one)));
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").flag("applied"));
  busy.send("first");
  CHECK(busy.receive() == "first");
  queued.send("second");
  CHECK(queued.receive() == "second");
  eventually("it has stopped", [&] { return supervisor.status().pools.size() == 1; });
  CHECK(supervisor.stop() == 0);  // and no worker was killed, no connection cut
}

TEST_CASE("a pool with a new name takes the listener over, and clients in the backlog are served by it") {
  SupervisorUnderTest supervisor(pools(echo_pool("before", "127.0.0.1:0")), {});
  const std::string address = supervisor.address();
  Client busy(address);
  supervisor.wait_for_pool("it is busy", [](const PoolTable& now) { return now.count("busy") == 1; });
  Client queued(address);
  supervisor.wait_for_pool("one waits", [](const PoolTable& now) { return now["queue: now"] == 1; });
  // The queue is full: these connect in the kernel's backlog.
  std::vector<Client> waiting;
  for (int i = 0; i < 5; ++i) waiting.emplace_back(address);
  supervisor.rewrite_config(pools(echo_pool("after", "127.0.0.1:0")));
  supervisor.signal(SIGHUP);
  for (Client& client : waiting) {
    client.send("hello");
    CHECK(client.receive() == "hello");
  }
  busy.send("hello");
  CHECK(busy.receive() == "hello");
  queued.send("hello");
  CHECK(queued.receive() == "hello");
  eventually("it has stopped", [&] { return supervisor.status().pools.size() == 1; });
  const PoolTable after =
      supervisor.wait_for_pool("all are served", [](const PoolTable& now) { return now["served"] == 5; });
  CHECK(after.name == "after");
  CHECK(supervisor.addresses().size() == 1);
  CHECK(supervisor.stop() == 0);  // and in neither was a worker killed or a connection cut
}

TEST_CASE("listeners that two pools exchange keep their files and the clients that wait there") {
  const TestDirectory directory;
  const std::string one = "unix:" + directory.at("one.sock");
  const std::string two = "unix:" + directory.at("two.sock");
  const auto config = [&](const std::string& of_first, const std::string& of_second, unsigned workers) {
    return pools(echo_pool("first", of_first, workers) + ", " + echo_pool("second", of_second, workers));
  };
  SupervisorUnderTest supervisor(config(one, two, 0), {.listeners = 2});
  std::vector<Client> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back(one);
    waiting.emplace_back(two);
  }
  // One of the four waits in the pool's queue, which is full then; the others in the kernel's backlog.
  eventually("one waits in each queue", [&] {
    const StatusText now = supervisor.status();
    return now.pool("first")["queue: now"] == 1 && now.pool("second")["queue: now"] == 1;
  });
  supervisor.rewrite_config(config(two, one, 1));
  supervisor.signal(SIGHUP);
  for (Client& client : waiting) client.send("hello");
  for (Client& client : waiting) CHECK(client.receive() == "hello");
  CHECK(ask(one, "hello") == "hello");
  CHECK(ask(two, "hello") == "hello");
  CHECK(supervisor.addresses().size() == 2);
}

TEST_CASE("FAULTS 61: a pool under load is resized to 0, 1 and many without a failed connection") {
  PoolText pool{.command = {"supervisor-worker", "line"}, .workers = 4};
  SupervisorUnderTest supervisor(pool);
  Load load(supervisor.address(), "S 1000\n", 8);
  for (const unsigned size : {8U, 1U, 0U, 3U, 0U, 32U, 1U}) {
    CAPTURE(size);
    if (supervisor.pool()["workers"] > 0) load.wait_for_answers(10);
    pool.workers = size;
    supervisor.rewrite_config(pool);
    supervisor.signal(SIGHUP);
    const PoolTable now = supervisor.wait_for_pool("it has its size", [&](const PoolTable& table) {
      return table.workers.size() == size && table["workers"] == size;
    });
    CHECK(now["configured"] == size);
  }
  load.wait_for_answers(10);
  const Load::Tally tally = load.stop();
  CHECK(tally.flawless());
  const PoolTable after = supervisor.wait_for_pool(
      "all are served", [&](const PoolTable& now) { return now["served"] == tally.answered; });
  CHECK(after["crashes"] + after["start_failures"] == 0);
  CHECK(after["lost"] == 0);
}

TEST_CASE("FAULTS 61: a pool of 0 workers lets its clients wait, and serves them when it has one again") {
  SupervisorUnderTest supervisor(PoolText{.workers = 0});
  Client client(supervisor.address());
  client.send("hello");
  supervisor.wait_for_pool("one waits", [](const PoolTable& now) { return now["queue: now"] == 1; });
  CHECK(client.silent());
  supervisor.rewrite_config(PoolText{});
  supervisor.signal(SIGHUP);
  CHECK(client.receive() == "hello");
}

TEST_CASE("FAULTS 61: a size or a queue that the limit of descriptors does not allow is refused") {
  SupervisorUnderTest supervisor(PoolText{}.text(), {.in_child = [] {
                                   const rlimit limit{.rlim_cur = 2000, .rlim_max = 2000};
                                   (void)::setrlimit(RLIMIT_NOFILE, &limit);
                                 }});
  supervisor.wait_for_idle(1);
  supervisor.rewrite_config(PoolText{.workers = 1000});
  supervisor.signal(SIGHUP);
  const EventText refused = supervisor.wait_for_event("reload");
  CHECK_FALSE(refused.flag("applied"));
  REQUIRE(refused.list("mistakes").size() == 1);
  const std::string mistake = refused.list("mistakes").front();
  CHECK_MESSAGE(mistake.find("/workers: 1000 is not allowed: ") != std::string::npos, mistake);
  CHECK_MESSAGE(mistake.find("raise the limit of 2000") != std::string::npos, mistake);
  supervisor.rewrite_config(PoolText{.more = R"("queue": {"max": 5000})"});
  supervisor.signal(SIGHUP);
  CHECK_FALSE(supervisor.wait_for_event("reload").flag("applied"));
  CHECK(supervisor.wait_for_idle(1)["configured"] == 1);
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE("FAULTS 62: workers that are not ready yet are the first to go, and none of them is left behind") {
  PoolText pool{.command = scripted({"only-first:slow,limit=5", "mark:starting", "gate:go"}), .workers = 5};
  SupervisorUnderTest supervisor(pool);
  supervisor.gates().wait_for_marks("starting", 4);  // no more at a time before the first is ready
  supervisor.gates().open("go");
  supervisor.wait_for_event("worker_ready");
  supervisor.gates().wait_for_marks("starting", 5);
  pool.workers = 1;
  supervisor.rewrite_config(pool);
  supervisor.signal(SIGHUP);
  const PoolTable after =
      supervisor.wait_for_pool("one is left", [](const PoolTable& now) { return now.workers.size() == 1; });
  // The gate may have let more than one pass: the one that is left had been ready when the reload came.
  const auto ready = supervisor.events("worker_ready", where("pid", after.workers[0].pid));
  REQUIRE(ready.size() == 1);
  CHECK(ready.front().number("seq") < supervisor.wait_for_event("reload").number("seq"));
  CHECK(after["start_failures"] == 0);
  CHECK(children_of(supervisor.pid()).size() == 3);
  CHECK(ask(supervisor.address(), "hello") == "hello");
}
