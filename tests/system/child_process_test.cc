// Only children are signalled, whatever pid or pidfd is at hand.
#include "supervisor/system/child_process.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "supervisor/system/signal_child.h"

namespace prefork {
namespace {

[[noreturn]] void wait_for_a_signal() {
  for (;;) ::pause();
}

Fd pidfd_of(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

bool runs(pid_t pid) { return ::kill(pid, 0) == 0; }

/// A child, and its child, which wait for signals.
struct Family {
  Family() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    child = ::fork();
    if (child == 0) {
      const pid_t second = ::fork();
      if (second == 0) wait_for_a_signal();
      (void)!::write(ends[1], &second, sizeof(second));
      wait_for_a_signal();
    }
    REQUIRE(::read(ends[0], &grandchild, sizeof(grandchild)) == sizeof(grandchild));
    (void)::close(ends[0]);
    (void)::close(ends[1]);
  }
  ~Family() {
    (void)::kill(grandchild, SIGKILL);
    if (child == 0) return;
    (void)::kill(child, SIGKILL);
    (void)::waitpid(child, nullptr, 0);
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  pid_t child = 0;
  pid_t grandchild = 0;
};

TEST_CASE("FAULTS 105: a child is one until it is reaped; other processes are none") {
  Family family;
  const Fd child = pidfd_of(family.child);
  const Fd grandchild = pidfd_of(family.grandchild);
  CHECK(is_child(child));
  CHECK_FALSE(is_child(grandchild));
  CHECK_FALSE(is_child(Fd()));
  CHECK(open_child(family.child).valid());
  CHECK_FALSE(open_child(family.grandchild).valid());
  CHECK(errno == ECHILD);
  REQUIRE(::kill(family.child, SIGKILL) == 0);
  siginfo_t end{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(family.child), &end, WEXITED | WNOWAIT) == 0);
  CHECK(is_child(child));
  REQUIRE(::waitpid(family.child, nullptr, 0) == family.child);
  family.child = 0;
  CHECK_FALSE(is_child(child));
}

TEST_CASE("FAULTS 105: a process that is no child is not signalled, by its pidfd or by its pid") {
  Family family;
  (void)signal_child(pidfd_of(family.grandchild), family.grandchild, SIGKILL);
  (void)signal_child(Fd(), family.grandchild, SIGKILL);
  CHECK(runs(family.grandchild));
  int status = 0;
  SUBCASE("by pidfd") { CHECK(signal_child(pidfd_of(family.child), family.child, SIGKILL)); }
  SUBCASE("by pid") { CHECK(signal_child(Fd(), family.child, SIGKILL)); }
  REQUIRE(::waitpid(family.child, &status, 0) == family.child);
  family.child = 0;
  CHECK(WTERMSIG(status) == SIGKILL);
}

}  // namespace
}  // namespace prefork
