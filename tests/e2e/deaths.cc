#include "tests/e2e/deaths.h"

#include <doctest/doctest.h>

#include <csignal>

#include "tests/support/client.h"

namespace prefork::test {

EventText death_of(SupervisorUnderTest& supervisor, pid_t pid) {
  return supervisor.wait_for_event("worker_died", where("pid", pid));
}

EventText death_of(SupervisorUnderTest& supervisor, const std::string& pool, std::int64_t worker) {
  return supervisor.wait_for_event("worker_died", [&](const EventText& died) {
    return died.text("pool") == pool && died.number("worker") == worker;
  });
}

bool by_signal(const EventText& died, int number) {
  return died.text("how") == "signaled" && died.number("value") == number;
}

bool by_exit(const EventText& died, int status) {
  return died.text("how") == "exited" && died.number("value") == status;
}

bool because(const EventText& died, StopReason reason) { return died.text("reason") == to_string(reason); }

bool is_failure(const EventText& died) { return !died.flag("planned"); }

PoolTable kill_while_idle(SupervisorUnderTest& supervisor) {
  const PoolTable before = supervisor.wait_for_idle(2);
  const pid_t victim = before.workers.at(0).pid;
  REQUIRE(::kill(victim, SIGKILL) == 0);
  for (int i = 0; i < 4; ++i) CHECK(ask(supervisor.address(), "still there?") == "still there?");
  PoolTable after = supervisor.wait_for_pool("it is replaced", [&](const PoolTable& pool) {
    return pool.count("idle") == 2 && pool.pids() != before.pids();
  });
  CHECK(after["lost"] == 0);
  CHECK(by_signal(death_of(supervisor, victim), SIGKILL));
  return after;
}

void wait_for_failed_start(SupervisorUnderTest& supervisor, const std::string& reason) {
  INFO(reason);
  supervisor.wait_for_event("worker_died",
                            [&](const EventText& died) { return died.text("text").starts_with(reason); });
}

}  // namespace prefork::test
