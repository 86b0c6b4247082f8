// Name servers and user databases that do not answer: what the supervisor does meanwhile.
#include <doctest/doctest.h>

#include <csignal>
#include <string>

#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// Names are answered when the test opens the gate "answer".
SupervisorUnderTest::Options with_slow_names() {
  return {.await_start = false, .environment = {std::string("LD_PRELOAD=") + SLOW_CALLS_LIBRARY}};
}

/// Its first listener, without the name.
std::string numeric_address(SupervisorUnderTest& supervisor) {
  const std::string address = supervisor.address();
  return "127.0.0.1" + address.substr(address.rfind(':'));
}

}  // namespace

TEST_CASE("FAULTS 91: signals that come while it starts do not end the supervisor, and are obeyed later") {
  SupervisorUnderTest supervisor(PoolText{.workers = 1, .listen = {"slow.test:0"}}.text(), with_slow_names());
  (void)supervisor.gates().wait_for_marks("asked");
  for (const int number : {SIGHUP, SIGUSR1, SIGTTIN, SIGTTOU}) supervisor.signal(number);
  supervisor.gates().open_for_good("answer");
  supervisor.wait_for_log("pool main: reloaded");
  supervisor.wait_for_log("scoreboard: ");
  supervisor.wait_for_idle(1);
  CHECK(ask(numeric_address(supervisor), "hello") == "hello");
}

TEST_CASE("FAULTS 91: SIGTERM ends a supervisor that waits for a name") {
  SupervisorUnderTest supervisor(PoolText{.listen = {"slow.test:0"}}.text(), with_slow_names());
  (void)supervisor.gates().wait_for_marks("asked");
  CHECK(supervisor.stop() == -SIGTERM);
}
