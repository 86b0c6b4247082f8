#include "supervisor/system/signal_child.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "tests/support/deny_call.h"
#include "tests/support/in_a_child.h"

namespace prefork {
namespace {

using namespace test;

pid_t start_sleeping() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::pause();
    ::_exit(0);
  }
  return pid;
}

Fd pidfd_of(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

/// Whether SIGKILL reaches a child.
bool kills_a_child() {
  const pid_t pid = start_sleeping();
  signal_child(pidfd_of(pid), pid, SIGKILL);
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST_CASE("a signal reaches a child") { CHECK(in_a_child(kills_a_child)); }

TEST_CASE("FAULTS 109: a signal reaches a child where pidfd_send_signal is denied") {
  for (const int error : {ENOSYS, EPERM})
    CHECK(in_a_child([error] { return deny_call("pidfd_send_signal", error) && kills_a_child(); }));
}

TEST_CASE("FAULTS 36: where pidfd_send_signal is denied a process that is no child gets no signal") {
  const pid_t stranger = start_sleeping();
  CHECK(in_a_child([stranger] {
    if (!deny_call("pidfd_send_signal", EPERM)) return false;
    signal_child(pidfd_of(stranger), stranger, SIGKILL);  // a child of the test, not of this process
    return true;
  }));
  int status = 0;
  CHECK(::waitpid(stranger, &status, WNOHANG) == 0);
  REQUIRE(::kill(stranger, SIGTERM) == 0);
  REQUIRE(::waitpid(stranger, &status, 0) == stranger);
  CHECK(WTERMSIG(status) == SIGTERM);
}

}  // namespace
}  // namespace prefork
