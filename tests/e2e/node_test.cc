// The protocol node: programs of Node as they are, under load, and across an upgrade.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/e2e/http_client.h"
#include "tests/e2e/load.h"
#include "tests/e2e/node_pool.h"
#include "tests/support/client.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::StopReason;

namespace {

bool contains_pid(const std::vector<pid_t>& pids, pid_t pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

}  // namespace

TEST_CASE("programs of Node serve unchanged: http and net, CommonJS and modules") {
  if (without_node()) return;
  std::string text;
  std::string name = "server.js";
  SUBCASE("http, CommonJS") {
    text = "require('http').createServer((q, r) => r.end('hello')).listen(process.env.PORT);";
  }
  SUBCASE("http, a module") {
    name = "server.mjs";
    text =
        "import http from 'node:http';\nawait null;\n"
        "http.createServer((q, r) => r.end('hello')).listen({port: +process.env.PORT, host: "
        "process.env.HOST});";
  }
  SUBCASE("net") {
    text =
        "require('net').createServer((s) => s.resume().end('HTTP/1.1 200 "
        "OK\\r\\n\\r\\nhello')).listen(process.env.PORT);";
  }
  const NodeText program(text, name);
  SupervisorUnderTest supervisor(program.pool(2));
  supervisor.wait_for_idle(2);
  for (int i = 0; i < 6; ++i) {
    const std::string answer =
        ask(supervisor.address(), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(answer.starts_with("HTTP/1.1 200 OK"));
    CHECK(contains(answer, "hello"));
  }
  const PoolTable pool = wait_for_node_served(supervisor, 6);
  CHECK(pool["violations"] == 0);
  for (const WorkerText& worker : pool.workers) CHECK(worker.served > 0);
  CHECK(supervisor.stop() == 0);
  CHECK_FALSE(contains(supervisor.log(), "killed"));
}

TEST_CASE("a Node program may listen at several addresses of the pool, and at others of its own") {
  if (without_node()) return;
  const NodeText program(R"(
    const net = require('net');
    const path = process.env.SUPERVISOR_LISTEN.match(/unix:([^,]*)/)[1];
    const port = process.env.PORT;
    net.createServer((s) => s.end('tcp')).listen(port, '127.0.0.1');
    net.createServer((s) => s.end('unix')).listen(path);
    const own = net.createServer((s) => s.end('own')).listen(0, '127.0.0.1', () => console.log(`own 127.0.0.1:${own.address().port}!`));
    process.send('ready');
    process.send({ any: ['thing'] });
  )");
  PoolText pool = program.pool(1);
  pool.listen.emplace_back("unix:TEST_DIRECTORY/sock");
  SupervisorUnderTest supervisor(pool.text(), {.listeners = 2});
  supervisor.wait_for_idle(1);
  for (int i = 0; i < 3; ++i) {
    CHECK(ask(supervisor.address(), "") == "tcp");
    CHECK(ask("unix:" + supervisor.directory().path() + "/sock", "") == "unix");
  }
  const std::string line = supervisor.wait_for_log("own 127.0.0.1:");
  const std::size_t at = line.find("127.0.0.1:");
  CHECK(ask(line.substr(at, line.find('!') - at), "") == "own");
  CHECK(wait_for_node_served(supervisor, 6)["violations"] == 0);
}

TEST_CASE("a Node worker has Node's variables, a number of its own, and no other descriptor") {
  if (without_node()) return;
  const NodeText program(R"(
    const cluster = require('cluster');
    require('net').createServer((s) => s.end(`${cluster.isWorker} ${cluster.worker.id} ${process.env.NODE_APP_INSTANCE}`))
      .listen(process.env.PORT);
  )");
  SupervisorUnderTest supervisor(program.pool(2));
  supervisor.wait_for_idle(2);
  std::vector<std::string> answers = {ask(supervisor.address(), ""), ask(supervisor.address(), "")};
  std::sort(answers.begin(), answers.end());
  CHECK(answers == std::vector<std::string>{"true 1 0", "true 2 1"});
}

TEST_CASE("a Node worker with several slots gets one connection at a time, and has several") {
  if (without_node()) return;
  const NodeText program(R"(
    require('net').createServer((s) => s.on('data', () => s.end('done')).on('error', () => {})).listen(process.env.PORT);
  )");
  SupervisorUnderTest supervisor(program.pool(1, R"(, "connections_per_worker": 3)"));
  supervisor.wait_for_idle(1);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(std::make_unique<Client>(supervisor.address()));
  supervisor.wait_for_pool("three are begun", [](const PoolTable& pool) { return pool["begun"] == 3; });
  CHECK(supervisor.pool().workers.at(0).load == 3);
  for (const auto& client : clients) {
    client->send("x");
    CHECK(client->receive() == "done");
    client->close();
  }
  const PoolTable pool = wait_for_node_served(supervisor, 4);
  CHECK(pool["redispatched"] == 0);
}

TEST_CASE(
    "FAULTS 392: a memo, and the address of a PROXY header, come with a parked connection to another "
    "worker") {
  if (without_node()) return;
  const NodeText program("const prefork = require('" + std::string(SOURCE_ROOT) + R"(/worker/node');
    require('http').createServer((request, response) => {
      const { memo } = prefork.connectionOf(request);
      prefork.setMemo(request, Buffer.concat([memo ?? Buffer.alloc(0), Buffer.from([0, 255])]));
      response.end(`${memo?.toString('hex') ?? 'none'} ${request.socket.remoteAddress}!`);
    }).listen(process.env.PORT);
  )");
  std::string header;
  std::string peer = "127.0.0.1";
  PoolText pool = program.pool(1, R"(, "keep_alive": {"park": true})");
  SUBCASE("as it is") {}
  SUBCASE("with hold: done") { pool.more += R"(, "hold": "done")"; }
  SUBCASE("behind a proxy") {
    peer = "203.0.113.7";
    header = "PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n";
  }
  std::string text = pool.text();
  if (!header.empty()) {
    const std::string plain = R"("listen": ["127.0.0.1:0"])";
    text.replace(text.find(plain), plain.size(),
                 R"("listen": {"address": "127.0.0.1:0", "proxy_protocol": true})");
  }
  SupervisorUnderTest supervisor(text, {});
  supervisor.wait_for_idle(1);
  Client client(supervisor.address());
  std::string memo = "none";
  for (int i = 0; i < 3; ++i) {
    const pid_t before = supervisor.pool().pids().at(0);
    client.send((i == 0 ? header : "") + "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    std::string answer;
    while (answer.empty() || answer.back() != '!') {
      const std::string part = client.receive_some();
      REQUIRE_FALSE(part.empty());
      answer += part;
    }
    CHECK(contains(answer, "\r\n\r\n" + memo + ' ' + peer + '!'));
    memo = (i == 0 ? "" : memo) + "00ff";
    supervisor.wait_for_pool("it is parked", [](const PoolTable& now) { return lobby_of(now).parked == 1; });
    REQUIRE(::kill(before, SIGKILL) == 0);
    supervisor.wait_for_pool("it is replaced", [before](const PoolTable& now) {
      return now.count("idle") == 1 && now.pids().at(0) != before;
    });
  }
  CHECK(supervisor.pool()["violations"] == 0);
}

TEST_CASE("FAULTS 363: an application may send its parent whatever it likes, also a megabyte") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("long line"));
  for (int i = 0; i < 3; ++i) CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(wait_for_node_served(supervisor, 3)["violations"] == 0);
}

TEST_CASE("FAULTS 368: a Node worker that closes its server leaves, and is replaced") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("close the server", 1));
  const pid_t before = supervisor.wait_for_idle(1).pids().at(0);
  Client client(supervisor.address());
  client.send("hello");
  supervisor.wait_for_pool("it is dispatched", [](const PoolTable& now) { return now["dispatched"] >= 1; });
  client.finish();
  supervisor.gates().open_for_good("go");
  CHECK(client.receive() == "hello");
  const EventText died = death_of(supervisor, before);
  CHECK_FALSE(because(died, StopReason::kViolation));
  CHECK(supervisor.pool()["violations"] == 0);
}

TEST_CASE("FAULTS 408: Node workers without a handler of SIGTERM end by themselves at a quick stop") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("", 2));
  supervisor.wait_for_idle(2);
  CHECK(supervisor.stop(SIGINT) == 0);
  CHECK_FALSE(contains(supervisor.log(), "killed"));
}

TEST_CASE("FAULTS 364, 370: a program that is no Node, has no module, or listens nowhere is told apart") {
  if (without_node()) return;
  std::vector<std::string> command;
  std::string words;
  SUBCASE("NODE_OPTIONS is cleared") {
    command = {"/usr/bin/env", "-u", "NODE_OPTIONS", kNodeProgram,
               std::string(SOURCE_ROOT) + "/tests/node/programs/deeds.js"};
    words = "the command clears NODE_OPTIONS";
  }
  SUBCASE("no Node") {
    command = {"/bin/sleep", "1000"};
    words = "no Node program";
  }
  SUBCASE("it listens elsewhere") {
    command = {kNodeProgram, "-e", "require('net').createServer().listen(0x4321, '127.0.0.7')"};
    words = "it listens at 127.0.0.7:17185";
  }
  PoolText pool = node_pool("", 1, R"(, "health": {"start_timeout": "1500ms"})");
  pool.command = command;
  SupervisorUnderTest supervisor(pool);
  supervisor.wait_for_log(words);
}

TEST_CASE("FAULTS 371: an upgrade in place keeps Node workers, with connections and without") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("", 2));
  supervisor.wait_for_idle(2);
  Client client(supervisor.address());
  supervisor.wait_for_pool("it is begun", [](const PoolTable& pool) { return pool["begun"] == 1; });
  const std::vector<pid_t> before = supervisor.pool().pids();
  supervisor.upgrade();
  CHECK(supervisor.pool().pids() == before);
  client.send("x\n");
  CHECK(client.receive().starts_with("OK "));
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("FAULTS 372: Node workers that are killed under load lose at most what they were serving") {
  if (without_node()) return;
  SupervisorUnderTest supervisor(node_pool("", 3, R"(, "connections_per_worker": 2, "hold": "done")"));
  supervisor.wait_for_idle(3);
  Load load(supervisor.address(), "S 0\n", 4);
  constexpr std::uint64_t kKills = 8;
  for (std::uint64_t i = 0; i < kKills; ++i) {
    load.wait_for_answers(20);
    const PoolTable now = supervisor.wait_for_pool(
        "one is ready", [](const PoolTable& pool) { return pool.count("idle") > 0; });
    for (const WorkerText& worker : now.workers) {
      if (worker.state == "idle") {
        (void)::kill(worker.pid, SIGKILL);
        break;
      }
    }
  }
  load.wait_for_answers(20);
  const Load::Tally tally = load.stop();
  CHECK(tally.hung == 0);
  CHECK(tally.refused == 0);
  CHECK(tally.nothing <= 2 * kKills);
  CHECK(supervisor.pool()["violations"] == 0);
  CHECK(supervisor.pool()["lost"] >= tally.nothing);  // one may have been answered, but not told to be over
}

TEST_CASE("FAULTS 372: a rollout of Node workers under load loses no connection") {
  if (without_node()) return;
  const PoolText pool = node_pool("", 3, R"(, "connections_per_worker": 2, "hold": "done")");
  SupervisorUnderTest supervisor(pool);
  const std::vector<pid_t> before = supervisor.wait_for_idle(3).pids();
  Load load(supervisor.address(), "S 0\n", 4);
  load.wait_for_answers(50);
  PoolText next = pool;
  next.more += R"(, "environment": {"NEXT": "1"})";
  supervisor.rewrite_config(next);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_pool("all are replaced", [&](const PoolTable& now) {
    const std::vector<pid_t> pids = now.pids();
    return now.count("draining") == 0 && pids.size() == 3 &&
           std::none_of(pids.begin(), pids.end(), [&](pid_t pid) { return contains_pid(before, pid); });
  });
  load.wait_for_answers(50);
  const Load::Tally rolled = load.stop();
  CHECK(rolled.flawless());
  CHECK(supervisor.pool()["violations"] == 0);
}
