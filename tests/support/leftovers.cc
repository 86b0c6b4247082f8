// The part of SupervisorUnderTest that looks for what should not be left, and ends it.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>

#include "tests/support/supervisor_under_test.h"

namespace prefork::test {

void SupervisorUnderTest::check_running() {
  StatusText status;
  if (process_stat(pid_).state == 'T') return;
  const bool answers = ask_for_status(status);
  if (!answers && !is_alive(pid_)) return;
  CHECK_MESSAGE(answers, "there is no status to tell what may be open; the log ends with:\n", log_tail());
  // A stranger's zombie is swept within a second.
  const bool no_zombies = holds_within(std::chrono::seconds(5), [&] {
    const auto children = children_of(pid_);
    return std::none_of(children.begin(), children.end(),
                        [](const auto& child) { return child.state == 'Z'; });
  });
  CHECK_MESSAGE(no_zombies, "children are dead and not reaped; the log ends with:\n", log_tail());
  // Nothing is held but what the workers, listeners and connections of the status account for.
  std::size_t held = 0;
  std::size_t explained = 0;
  const bool no_leak = holds_within(std::chrono::seconds(5), [&] {
    if (!ask_for_status(status)) return false;
    held = descriptors_of(pid_);
    explained = kOwnDescriptors + handed_over_ + 2 * status.pools.size();
    if (::access(control().c_str(), F_OK) == 0) explained += 2;
    if (session_.connected()) ++explained;
    explained += status.admin_descriptors;
    for (const PoolTable& pool : status.pools) {
      explained += pool["queue: now"] + pool["with workers"] + pool.workers.size() * 3 + pool.listeners +
                   pool.listener_files;
      explained += pool["lobby: silent"] + pool["parked"];
    }
    return held <= explained;
  });
  CHECK_MESSAGE(no_leak, held, " descriptors are open, ", explained,
                " can be explained; the log ends with:\n", log_tail());
}

void SupervisorUnderTest::clear_up() {
  if (pid_ > 0) {
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  } else if (check_leftovers_) {
    const bool none = holds_within(std::chrono::seconds(5), [&] { return processes_with(marker()).empty(); });
    CHECK_MESSAGE(none, "processes are left after the supervisor's end; the log ends with:\n", log_tail());
  }
  const bool gone = holds_within(kPatience, [&] {
    const std::vector<pid_t> left = processes_with(marker());
    for (const pid_t pid : left) {
      (void)::kill(pid, SIGKILL);
      (void)::waitpid(pid, nullptr, 0);  // ours by now, as a rule; not the children of other objects
    }
    return left.empty();
  });
  CHECK_MESSAGE(gone, "processes that cannot be killed are left");
}

}  // namespace prefork::test
