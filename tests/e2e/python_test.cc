// A worker in a language without a library.
#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "tests/e2e/http_client.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// What stands in the first block of this language at or after `from`.
std::string block(const std::string& text, std::string_view language, std::size_t from) {
  const std::string begin = "\n```" + std::string(language) + "\n";
  const std::size_t at = text.find(begin, from);
  REQUIRE(at != std::string::npos);
  const std::size_t first = at + begin.size();
  return text.substr(first, text.find("\n```\n", first) + 1 - first);
}

void replace(std::string& text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE_MESSAGE(at != std::string::npos, what);
  text.replace(at, what.size(), by);
}

/// Does what docs/protocol.md says: saves the program that it tells to save as `name`. The pool for it, as it
/// stands there, but for the address, the directory and the control socket.
std::string follow_documentation(const std::string& name, const TestDirectory& directory) {
  std::ifstream in(std::string(SOURCE_ROOT) + "/docs/protocol.md");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const std::size_t advice = text.find("Save it as `" + name + "`");
  REQUIRE(advice != std::string::npos);
  directory.write(name, block(text, "python", text.rfind("\n```python\n", advice)));
  std::string pool = block(text, "json", advice);
  replace(pool, "{", std::string("{") + kWithControl + ",");
  replace(pool, "127.0.0.1:8080", "127.0.0.1:0");
  replace(pool, '"' + name + '"', '"' + directory.at(name) + '"');
  return pool;
}

}  // namespace

TEST_CASE("a worker in plain Python serves under the supervisor, and leaves when it is told to") {
  SupervisorUnderTest supervisor(
      {.command = {"python3", std::string(SOURCE_ROOT) + "/tests/support/python_worker.py"}, .workers = 2});
  for (int i = 0; i < 5; ++i) CHECK(ask(supervisor.address(), "hello") == "HELLO");
  const PoolTable pool =
      supervisor.wait_for_pool("all are served", [](const PoolTable& now) { return now["served"] == 5; });
  CHECK(pool["violations"] == 0);
  supervisor.wait_for_idle(2);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("a template in plain Python forks workers that serve, and survives none of them being left") {
  SupervisorUnderTest supervisor(
      {.command = {"python3", std::string(SOURCE_ROOT) + "/tests/support/python_template.py"},
       .workers = 3,
       .more = R"("start": "fork")"});
  const PoolTable before = supervisor.wait_for_idle(3);
  for (int i = 0; i < 6; ++i) CHECK(ask(supervisor.address(), "hello") == "HELLO");
  for (const WorkerText& worker : before.workers) {
    if (worker.state != "template") REQUIRE(::kill(worker.pid, SIGKILL) == 0);
  }
  supervisor.wait_for_pool("three others serve",
                           [](const PoolTable& now) { return now.count("idle") == 3 && now["starts"] == 7; });
  CHECK(ask(supervisor.address(), "hello") == "HELLO");
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("the documentation's worker in Python serves in the documentation's pool") {
  const TestDirectory directory;
  SupervisorUnderTest supervisor(follow_documentation("upper.py", directory), {});
  supervisor.wait_for_idle(4);
  for (int i = 0; i < 5; ++i) CHECK(ask(supervisor.address(), "hello") == "HELLO");
  const PoolTable pool =
      supervisor.wait_for_pool("all are served", [](const PoolTable& now) { return now["served"] == 5; });
  CHECK(pool["violations"] == 0);
}

TEST_CASE(
    "the documentation's worker in Python that parks answers and parks one connection again and again") {
  const TestDirectory directory;
  SupervisorUnderTest supervisor(follow_documentation("parking.py", directory), {});
  supervisor.wait_for_idle(4);
  Client client(supervisor.address());
  for (std::uint64_t i = 1; i <= 6; ++i) {
    client.send("hello");
    CHECK(client.receive(5) == "HELLO");
    const PoolTable pool = supervisor.wait_for_pool("it is parked", [](const PoolTable& now) {
      return lobby_of(now).parked == 1 && now.count("idle") == 4;
    });
    CHECK(pool["parked so far"] == i);
    CHECK(pool["begun"] == i);
    CHECK(pool["accepted"] == 1);
  }
  client.finish();
  CHECK(client.receive().empty());
  CHECK(client.end() == Client::End::kEof);
  const PoolTable after = supervisor.wait_for_pool("it has ended", [](const PoolTable& now) {
    return lobby_of(now).parked == 0 && now["with workers"] == 0;
  });
  CHECK(after["violations"] == 0);
  CHECK(after["lost"] == 0);
  CHECK(after["crashes"] == 0);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("in a pool that does not park the documentation's parking worker ends each connection") {
  const TestDirectory directory;
  std::string pool = follow_documentation("parking.py", directory);
  replace(pool, R"("park": true)", R"("park": false)");
  SupervisorUnderTest supervisor(pool, {});
  for (int i = 0; i < 3; ++i) CHECK(ask(supervisor.address(), "hello") == "HELLO");
  CHECK(supervisor.pool()["violations"] == 0);
}
