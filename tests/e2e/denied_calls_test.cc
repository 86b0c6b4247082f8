// System calls that the rules of a container engine or a service manager deny: what is only a default is left
// out, and what the file asks for is an error.
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "tests/support/client.h"
#include "tests/support/deny_call.h"
#include "tests/support/sanitized.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

struct Denial {
  const char* call;
  int error;
  const char* warning = nullptr;  ///< what the log says once
  bool upgrades = true;           ///< an upgrade in place is possible
  bool sanitized = true;          ///< AddressSanitizer itself goes on without the call
};

constexpr const char* kNoBatch =
    "workers are scheduled like the supervisor, as with \"scheduling\": \"normal\": SCHED_BATCH: Operation "
    "not "
    "permitted";
constexpr const char* kNoOomScore = "workers keep the supervisor's own oom_score_adj";

/// ENOSYS is what an older kernel answers, and EPERM what engines answer for calls that their rules do not
/// name.
const std::vector<Denial> kDenials = {
    {.call = "clone3", .error = ENOSYS},
    {.call = "clone3", .error = EPERM, .upgrades = false},  // posix_spawn(3) does not go on without
    {.call = "close_range", .error = ENOSYS},
    {.call = "close_range", .error = EPERM},
    {.call = "sched_setscheduler", .error = EPERM, .warning = kNoBatch},
    {.call = "sched_getaffinity", .error = EPERM, .sanitized = false},
    {.call = "faccessat2", .error = ENOSYS},
    {.call = "faccessat2", .error = EPERM},
    {.call = "pidfd_open", .error = ENOSYS},
    {.call = "pidfd_open", .error = EPERM},
    {.call = "pidfd_send_signal", .error = ENOSYS},
    {.call = "pidfd_send_signal", .error = EPERM},
    {.call = "memfd_create", .error = EPERM, .upgrades = false},
    {.call = "seccomp", .error = EPERM},
    {.call = "eventfd2", .error = EPERM},
    {.call = "timerfd_create", .error = EPERM},
    {.call = "statx", .error = EPERM},
    {.call = "getrandom", .error = EPERM},
};

void deny_or_exit(const Denial& denial) {
  if (!deny_call(denial.call, denial.error)) ::_exit(125);
}

void check_that_it_serves(const Denial& denial) {
  CAPTURE(denial.call);
  CAPTURE(denial.error);
  SupervisorUnderTest supervisor(PoolText{}.text(), {.in_child = [&denial] { deny_or_exit(denial); }});
  const std::vector<pid_t> first = supervisor.wait_for_idle(1).pids();
  CHECK(ask(supervisor.address(), "hello") == "hello");
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("pool main: reloaded, unchanged");
  supervisor.signal(SIGUSR2);
  supervisor.wait_for_log(denial.upgrades ? "has taken over from" : "upgrade refused");
  REQUIRE(::kill(first.at(0), SIGKILL) == 0);
  supervisor.wait_for_pool("another worker has been started", [&first](const PoolTable& pool) {
    return pool.count("idle") == 1 && pool.pids() != first;
  });
  CHECK(ask(supervisor.address(), "hello") == "hello");
  if (denial.warning != nullptr) CHECK(supervisor.count_in_log(denial.warning) >= 1);
  CHECK(supervisor.stop() == 0);
}

/// SO_PASSPIDFD is known: Linux 6.5 and later.
bool kernel_sends_pidfds() {
  const prefork::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  constexpr int kPassPidfd = 76;  // SO_PASSPIDFD
  const int on = 1;
  return ::setsockopt(socket.get(), SOL_SOCKET, kPassPidfd, &on, sizeof(on)) == 0;
}

/// From here on the files of /proc can only be read.
void make_proc_read_only() {
  if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
      ::mount("/proc", "/proc", nullptr, MS_BIND, nullptr) < 0 ||
      ::mount(nullptr, "/proc", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) < 0) {
    ::_exit(125);
  }
}

}  // namespace

TEST_CASE("FAULTS 109: whichever system call is denied, workers are started and serve, and reloads work") {
  for (const Denial& denial : kDenials) {
    if (!kSanitized || denial.sanitized) check_that_it_serves(denial);
  }
}

TEST_CASE("FAULTS 109: a default that is denied to each worker is logged once") {
  if (::geteuid() != 0) return;
  SupervisorUnderTest supervisor(PoolText{.workers = 3}.text(), {.in_child = [] {
                                   make_proc_read_only();
                                   deny_or_exit({.call = "sched_setscheduler", .error = EPERM});
                                 }});
  supervisor.wait_for_idle(3);
  CHECK(supervisor.count_in_log(kNoBatch) == 1);
  CHECK(supervisor.count_in_log(kNoOomScore) == 1);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("FAULTS 109: what the file asks for, and is denied, is an error") {
  if (::geteuid() != 0) return;
  SUBCASE("scheduling") {
    SupervisorUnderTest supervisor(PoolText{.more = R"("scheduling": "batch")"}.text(), {.in_child = [] {
                                     deny_or_exit({.call = "sched_setscheduler", .error = EPERM});
                                   }});
    supervisor.wait_for_log("died: set the scheduling policy: Operation not permitted");
  }
  SUBCASE("oom_score_adj") {
    SupervisorUnderTest supervisor(PoolText{.more = R"("oom_score_adj": 300)"}.text(),
                                   {.in_child = make_proc_read_only});
    supervisor.wait_for_log("died: set oom_score_adj to 300: Read-only file system");
  }
}

TEST_CASE("FAULTS 109: a template's workers are watched without pidfd_open where the kernel sends pidfds") {
  SupervisorUnderTest supervisor(PoolText{.more = R"("start": "fork")"}.text(),
                                 {.in_child = [] { deny_or_exit({.call = "pidfd_open", .error = EPERM}); }});
  if (!kernel_sends_pidfds()) {
    supervisor.wait_for_log("it cannot be watched: pidfd_open: Operation not permitted");
    return;
  }
  supervisor.wait_for_idle(1);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.stop() == 0);
}
