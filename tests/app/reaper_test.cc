// Children of this process, which is a subreaper for the test: strangers are reaped, known children are not.
#include "supervisor/app/reaper.h"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
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

  void hear_of_children() override {
    ++heard;
    known.merge(introduced);
  }
  [[nodiscard]] std::optional<std::uint64_t> awaited_answer() const override { return awaited; }
  [[nodiscard]] bool knows_child(pid_t pid) const override { return known.contains(pid); }
  void child_stopped(pid_t pid, bool stopped) override { stops.emplace_back(pid, stopped); }
  void look_for_stopped_workers() override {
    for (const pid_t pid : known) {
      siginfo_t state{};
      if (::waitid(P_PID, static_cast<id_t>(pid), &state, WSTOPPED | WCONTINUED | WNOHANG) == 0 &&
          state.si_pid != 0) {
        child_stopped(pid, state.si_code == CLD_STOPPED);
      }
    }
  }

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

  static constexpr Duration kOneSweep = StrangerSweep::kDelay + std::chrono::milliseconds(300);

  Loop loop;
  Log log{2};
  OomCounter oom{""};
  std::optional<std::uint64_t> awaited;
  std::set<pid_t> known;
  std::set<pid_t> introduced;  ///< known when it is heard of
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

TEST_CASE("a child is not reaped while the spawner's next answer may name it") {
  Family family;
  family.awaited = 3;
  const pid_t child = fork_child(end_at_once);
  family.run_until([&] { return family.heard > 2; });
  CHECK(family.reaper.strangers_reaped() == 0);
  CHECK(exists(child));
  SUBCASE("the next answer names another") { family.awaited = 4; }
  SUBCASE("no answer is awaited any more") { family.awaited.reset(); }
  family.run_until([&] { return family.reaper.strangers_reaped() == 1; });
  CHECK_FALSE(exists(child));
}

TEST_CASE("a child that the spawner's next answer names is left to its pool") {
  Family family;
  family.awaited = 3;
  const pid_t child = fork_child(end_at_once);
  family.run_until([&] { return family.heard > 2; });
  family.awaited = 4;
  family.introduced.insert(child);
  family.run_until([&] { return family.known.contains(child); });
  family.run_for(Family::kOneSweep);
  CHECK(family.reaper.strangers_reaped() == 0);
  CHECK(::waitpid(child, nullptr, 0) == child);
}

TEST_CASE("FAULTS 104: before a dead process is taken for a stranger, introductions are heard") {
  Family family;
  const pid_t worker = fork_child(end_at_once);
  family.introduced.insert(worker);
  family.run_until([&] { return family.heard > 0; });
  family.run_for(Family::kOneSweep);
  CHECK(family.reaper.strangers_reaped() == 0);
  CHECK(::waitpid(worker, nullptr, 0) == worker);
}

/// A stranger that makes others, as fast as it can, until it is killed.
class Restless {
 public:
  explicit Restless(void (*step)()) : pid_(::fork()) {
    REQUIRE(pid_ >= 0);
    while (pid_ == 0) step();
  }
  ~Restless() { end(); }
  Restless(const Restless&) = delete;
  Restless& operator=(const Restless&) = delete;
  void end() {
    if (pid_ == 0) return;
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

 private:
  pid_t pid_;
};

/// Counts the turns of a loop.
struct Turns {
  explicit Turns(const Loop& loop) : before_sleep(loop) {
    before_sleep.start(Callback::to<&Turns::count>(*this));
  }
  void count() { ++counted; }
  int counted = 0;
  BeforeSleepWatcher before_sleep;
};

TEST_CASE("FAULTS 102: many processes that were left behind are reaped over many turns of the loop") {
  Family family;
  constexpr int kMany = 2000;
  for (int i = 0; i < kMany; ++i) fork_child(end_at_once);
  family.run_until([&] { return family.reaper.strangers_reaped() > 0; });
  CHECK(family.reaper.strangers_reaped() < kMany / 2);
  const Turns turns(family.loop);
  family.run_until([&] { return family.reaper.strangers_reaped() == kMany; });
  CHECK(turns.counted >= 10);
}

TEST_CASE("FAULTS 102: processes that are left behind without end do not keep the loop") {
  Family family;
  Restless restless([] {
    // As many at once as a worker can leave by its death.
    const pid_t parent = ::fork();
    if (parent == 0) {
      for (int i = 0; i < 64; ++i) {
        if (::fork() == 0) ::_exit(0);
      }
      ::_exit(0);
    }
    (void)::waitpid(parent, nullptr, 0);
  });
  family.run_until([&] { return family.reaper.strangers_reaped() > 0; });
  const Turns turns(family.loop);
  const std::uint64_t before = family.reaper.strangers_reaped();
  family.run_until([&] { return turns.counted > 200 && family.reaper.strangers_reaped() > before + 1000; });
  restless.end();
  family.run_until([] { return ::waitpid(-1, nullptr, WNOHANG) < 0; });
}

TEST_CASE("a child that is stopped and not known is heard of first") {
  Family family;
  const pid_t child = fork_child(wait_for_a_signal);
  family.introduced.insert(child);
  REQUIRE(::kill(child, SIGSTOP) == 0);
  family.run_until([&] { return !family.stops.empty(); });
  CHECK(family.known.contains(child));
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
}

TEST_CASE("FAULTS 103: a worker that is stopped is noticed among strangers that stop and go on without end") {
  Family family;
  static pid_t stranger = 0;
  stranger = fork_child(wait_for_a_signal);  // in the kernel's list before the worker
  const pid_t worker = fork_child(wait_for_a_signal);
  family.known.insert(worker);
  Restless restless([] {
    (void)::kill(stranger, SIGSTOP);
    (void)::kill(stranger, SIGCONT);
  });
  family.run_until([&] { return family.stops.size() > 100; });
  REQUIRE(::kill(worker, SIGSTOP) == 0);
  const auto noticed = [&] {
    return std::find(family.stops.begin(), family.stops.end(), std::pair(worker, true)) != family.stops.end();
  };
  const Turns turns(family.loop);
  family.run_until(noticed);
  family.run_until([&] { return turns.counted > 50; });
  restless.end();
  for (const pid_t pid : {worker, stranger}) {
    REQUIRE(::kill(pid, SIGKILL) == 0);
    REQUIRE(::waitpid(pid, nullptr, 0) == pid);
  }
}

TEST_CASE("a death before the first signal is found by a look") {
  Family family;
  const pid_t child = fork_child(end_at_once);
  siginfo_t ignored{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &ignored, WEXITED | WNOWAIT) == 0);
  family.reaper.look();
  family.run_until([&] { return family.reaper.strangers_reaped() == 1; });
}

TEST_CASE("a child that a signal stops or continues is reported") {
  Family family;
  const pid_t worker = fork_child(wait_for_a_signal);
  family.known.insert(worker);
  const auto report_of = [&](int signal) {
    family.stops.clear();
    REQUIRE(::kill(worker, signal) == 0);
    family.run_until([&] { return !family.stops.empty(); });
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
