// Workers that hold the lock of a client's socket, so that every call on it waits: the supervisor does not.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::StopReason;

namespace {

/// Two pools: the first worker of "bad" takes `steps`, and blocks the socket among them.
std::string pools_of(const std::vector<std::string>& steps, const std::string& more) {
  std::vector<std::string> script = {"only-first:bad", "ready"};
  script.insert(script.end(), steps.begin(), steps.end());
  script.insert(script.end(), {"mark:blocked", "hang"});
  return pools_text({{"bad", PoolText{.command = scripted(script), .more = more}}, {"good", PoolText{}}});
}

}  // namespace

TEST_CASE(
    "FAULTS 84: a worker that blocks its client's socket is killed; the supervisor and other pools go on") {
  std::vector<std::string> steps;
  StopReason reason = StopReason::kSocketBlocked;
  std::string more = R"("restart": {"backoff_min": "10ms"})";
  SUBCASE("before the supervisor closes its copy") { steps = {"recv", "block-socket:held", "busy"}; }
  SUBCASE("when it is dismissed for busy_timeout") {
    steps = {"recv", "busy", "block-socket:held"};
    more += R"(, "hold": "done", "health": {"busy_timeout": "100ms", "kill_timeout": "60s"})";
    steps.insert(steps.begin(), "ignore-term");
    reason = StopReason::kBusyTimeout;
  }
  SUBCASE("while it gives it back") { steps = {"recv", "block-socket:held", "refused"}; }
  SupervisorUnderTest supervisor(pools_of(steps, more), {.listeners = 2});
  Client client(supervisor.address(0));
  client.send("hello");
  const pid_t worker = supervisor.gates().wait_for_marks("blocked").at(0);
  if (supervisor.gates().marks("held").empty()) {
    MESSAGE("not tested: userfaultfd is not allowed");
    return;
  }
  for (int i = 0; i < 20; ++i) CHECK(ask(supervisor.address(1), "hello") == "hello");
  CHECK(because(death_of(supervisor, worker), reason));
  supervisor.wait_for_log("is killed: a call on the socket of connection 1 has waited for a second");
  CHECK(ask(supervisor.address(0), "hello") == "hello");
}
