#include "tests/e2e/deaths.h"

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

void wait_for_failed_start(SupervisorUnderTest& supervisor, const std::string& reason) {
  INFO(reason);
  supervisor.wait_for_event("worker_died",
                            [&](const EventText& died) { return died.text("text").starts_with(reason); });
}

}  // namespace prefork::test
