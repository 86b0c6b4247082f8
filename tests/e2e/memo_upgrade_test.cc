// An upgrade in place while connections are parked: what workers have noted of them comes back.
#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "tests/e2e/http_client.h"
#include "tests/e2e/node_pool.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// Answers with the memo of the connection, and parks it with the request as its memo.
const char* const kNodeServer = R"(
  const prefork = require('ROOT/worker/node');
  require('http').createServer((request, response) => {
    const memo = String(prefork.connectionOf(request).memo ?? 'none');
    prefork.setMemo(request, Buffer.from(request.url.slice(1)));
    response.end(memo);
  }).listen(process.env.PORT);
)";

/// The same for a worker of the library for Python: the word "memo" asks for the memo, and is the next one.
PoolText python_pool() {
  const std::string root = SOURCE_ROOT;
  return {.command = {"/usr/bin/python3", root + "/tests/python/apps/upper.py"},
          .more = R"("environment": {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ")" + root +
                  "/worker/python\"}"};
}

bool without_python() {
  if (::access("/usr/bin/python3", X_OK) == 0) return false;
  MESSAGE("skipped: /usr/bin/python3 is not installed");
  return true;
}

std::string http(const std::string& word) { return "GET /" + word + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

/// Sends and receives until the answer ends so.
void exchange(Client& client, const std::string& request, const std::string& end) {
  client.send(request);
  std::string answer;
  while (!answer.ends_with(end)) {
    const std::string part = client.receive_some();
    REQUIRE_MESSAGE(!part.empty(), answer);
    answer += part;
  }
}

void await_parked(SupervisorUnderTest& supervisor) {
  supervisor.wait_for_pool("it is parked", [](const PoolTable& now) { return lobby_of(now).parked == 1; });
}

}  // namespace

TEST_CASE(
    "FAULTS 312: after an upgrade in place a parked connection comes with its memo, to a worker in Python") {
  if (without_python()) return;
  PoolText pool = python_pool();
  pool.more += R"(, "keep_alive": {"park": true})";
  SUBCASE("hold: receipt") {}
  SUBCASE("hold: done") { pool.more += R"(, "hold": "done")"; }
  SupervisorUnderTest supervisor(pool);
  Client client(supervisor.address());
  exchange(client, "first", "FIRST");
  await_parked(supervisor);
  supervisor.upgrade();
  CHECK(lobby_of(supervisor.pool()).parked == 1);
  exchange(client, "memo", "FIRST");
  await_parked(supervisor);
  supervisor.upgrade();
  supervisor.upgrade();
  exchange(client, "memo", "FIRST");
  CHECK(supervisor.pool()["violations"] == 0);
}

TEST_CASE(
    "FAULTS 312: after an upgrade in place a parked connection comes with its memo, to a Node program") {
  if (without_node()) return;
  std::string text = kNodeServer;
  text.replace(text.find("ROOT"), 4, SOURCE_ROOT);
  const NodeText program(text);
  SupervisorUnderTest supervisor(program.pool(1, R"(, "keep_alive": {"park": true})"));
  Client client(supervisor.address());
  exchange(client, http("first"), "none");
  await_parked(supervisor);
  supervisor.upgrade();
  exchange(client, http("second"), "first");
  await_parked(supervisor);
  supervisor.upgrade();
  exchange(client, http("third"), "second");
  CHECK(supervisor.pool()["violations"] == 0);
}
