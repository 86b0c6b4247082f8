// Children of this process, which is a subreaper for the test: strangers are reaped, known children are not.
#include "supervisor/app/reaper.h"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <set>
#include <utility>
#include <vector>

#include "tests/support/eventually.h"

namespace prefork {
namespace {

pid_t fork_child(void (*body)()) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    body();
    ::_exit(0);
  }
  return pid;
}

void end_at_once() {}
void wait_for_a_signal() {
  for (;;) ::pause();
}
/// A worker that leaves a process behind, which has ended already.
void leave_a_process() {
  if (::fork() == 0) ::_exit(0);
}

/// Whether a child of this process is in the process table, dead or alive.
bool exists(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

class Family final : public Reaper::Owner {
 public:
  Family() { REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); }

  void hear_of_children() override { ++heard; }
  [[nodiscard]] bool awaits_children() const override { return awaits; }
  [[nodiscard]] bool knows_child(pid_t pid) const override { return known.contains(pid); }
  void child_stopped(pid_t pid, bool stopped) override { stops.emplace_back(pid, stopped); }

  /// Runs the loop for a time; false: `condition` held before.
  template <typename Condition>
  bool runs_for(Duration time, const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      TimerWatcher timer(loop);
      timer.start(std::chrono::milliseconds(10), Callback::to<&Family::stop>(*this));
      loop.run();
    }
    return !condition();
  }
  void run_for(Duration time) {
    (void)runs_for(time, [] { return false; });
  }
  template <typename Condition>
  void run_until(const Condition& condition) {
    REQUIRE_FALSE(runs_for(test::kPatience, condition));
  }
  void stop() { loop.stop(); }

  static constexpr Duration kOneSweep = Reaper::kSweepDelay + std::chrono::milliseconds(300);

  Loop loop;
  Log log{2};
  OomCounter oom{""};
  bool awaits = false;
  std::set<pid_t> known;
  int heard = 0;
  std::vector<std::pair<pid_t, bool>> stops;
  Reaper reaper{loop, log, oom, *this};
};

TEST_CASE("a process that a worker has left behind is reaped and counted") {
  Family family;
  const pid_t worker = fork_child(leave_a_process);
  REQUIRE(::waitpid(worker, nullptr, 0) == worker);  // as its pool does, through its pidfd
  family.reaper.count_from(5);
  family.run_until([&] { return family.reaper.strangers_reaped() == 6; });
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

TEST_CASE("a child that is known is left to the one that knows what its death means") {
  Family family;
  const pid_t worker = fork_child(end_at_once);
  family.known.insert(worker);
  family.run_for(Family::kOneSweep);
  CHECK(family.reaper.strangers_reaped() == 0);
  CHECK(exists(worker));
  CHECK(::waitpid(worker, nullptr, 0) == worker);
}

TEST_CASE("no child is reaped while one may exist that cannot be named yet") {
  Family family;
  family.awaits = true;
  const pid_t child = fork_child(end_at_once);
  family.run_until([&] { return family.heard > 1; });  // when the signal came, and before the sweep
  CHECK(family.reaper.strangers_reaped() == 0);
  CHECK(exists(child));
  family.awaits = false;
  family.run_until([&] { return family.reaper.strangers_reaped() == 1; });
  CHECK_FALSE(exists(child));
}

TEST_CASE("a death before the first signal is found by a look") {
  Family family;
  const pid_t child = fork_child(end_at_once);
  siginfo_t ignored{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &ignored, WEXITED | WNOWAIT) == 0);
  family.reaper.look();
  family.run_until([&] { return family.reaper.strangers_reaped() == 1; });
}

TEST_CASE("a child that a signal stops or continues is reported, with the spawner's answers heard before") {
  Family family;
  const pid_t worker = fork_child(wait_for_a_signal);
  family.known.insert(worker);
  const auto report_of = [&](int signal) {
    family.stops.clear();
    family.heard = 0;
    REQUIRE(::kill(worker, signal) == 0);
    family.run_until([&] { return !family.stops.empty(); });
    CHECK(family.heard > 0);
    return family.stops;
  };
  using Stops = std::vector<std::pair<pid_t, bool>>;
  CHECK(report_of(SIGSTOP) == Stops{{worker, true}});
  CHECK(report_of(SIGCONT) == Stops{{worker, false}});
  REQUIRE(::kill(worker, SIGKILL) == 0);
  REQUIRE(::waitpid(worker, nullptr, 0) == worker);
}

}  // namespace
}  // namespace prefork
