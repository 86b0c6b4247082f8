// The supervisor sets right what its process inherits.
#include "supervisor/system/own_process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "proto/fd.h"
#include "tests/proto/open_descriptors.h"
#include "tests/support/in_a_child.h"

namespace prefork {
namespace {

using test::in_a_child;
using test::open_descriptors;

bool is_disposed(int number, sighandler_t wanted) {
  struct sigaction action {};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == wanted;
}

TEST_CASE("FAULTS 38: descriptors 0 to 2 that are closed become /dev/null, and open ones stay") {
  CHECK(in_a_child([] {
    for (const int number : {0, 1, 2}) (void)::close(number);
    const std::size_t before = open_descriptors();
    normalize_process();
    const Fd next(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    return open_descriptors() == before + 4 && next.get() > 2 &&
           std::filesystem::read_symlink("/proc/self/fd/1") == "/dev/null";
  }));
  CHECK(in_a_child([] {
    const int taken = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
    if (taken < 0 || ::dup2(taken, 1) != 1 || ::close(0) != 0) return false;
    normalize_process();
    return std::filesystem::read_symlink("/proc/self/fd/1") == "/dev/zero" &&
           std::filesystem::read_symlink("/proc/self/fd/0") == "/dev/null";
  }));
}

TEST_CASE("FAULTS 38: ignored and blocked signals are as they should be, and children can be waited for") {
  CHECK(in_a_child([] {
    for (const int number : {SIGCHLD, SIGHUP, SIGTERM, SIGUSR1}) (void)::signal(number, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    (void)::sigprocmask(SIG_SETMASK, &all, nullptr);
    normalize_process();
    unblock_signals();
    sigset_t blocked;
    (void)::sigprocmask(SIG_SETMASK, nullptr, &blocked);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(5);
    int status = 0;
    return ::waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5 &&
           sigisemptyset(&blocked) == 1 && is_disposed(SIGCHLD, SIG_DFL) && is_disposed(SIGHUP, SIG_DFL) &&
           is_disposed(SIGTERM, SIG_DFL) && is_disposed(SIGPIPE, SIG_IGN) && is_disposed(SIGXFSZ, SIG_IGN);
  }));
}

TEST_CASE("FAULTS 91: before their handlers stand, requests by signal wait, and signals that end it do not") {
  CHECK(in_a_child([] {
    sigset_t inherited;
    sigemptyset(&inherited);
    for (const int number : {SIGTERM, SIGUSR2}) sigaddset(&inherited, number);
    (void)::sigprocmask(SIG_SETMASK, &inherited, nullptr);
    hold_requests();
    for (const int number : {SIGHUP, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU}) (void)::raise(number);
    hold_only_requests();
    sigset_t pending;
    sigset_t blocked;
    (void)::sigpending(&pending);
    (void)::sigprocmask(SIG_SETMASK, nullptr, &blocked);
    return sigismember(&pending, SIGHUP) == 1 && sigismember(&pending, SIGUSR2) == 1 &&
           sigismember(&blocked, SIGTERM) == 0 && sigismember(&blocked, SIGINT) == 0;
  }));
}

TEST_CASE("FAULTS 37: orphans of its descendants come to the supervisor") {
  CHECK(in_a_child([] {
    normalize_process();
    int on = 0;
    return ::prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on == 1;
  }));
}

}  // namespace
}  // namespace prefork
