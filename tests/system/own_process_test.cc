// What the supervisor makes of the process that it is started as.
#include "supervisor/system/own_process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>

#include "tests/config/temp_directory.h"
#include "tests/proto/open_descriptors.h"

namespace prefork {
namespace {

using test::open_descriptors;

/// Runs `work` in a child, whose process may be spoilt. True when it returned true there.
template <typename Work>
bool in_a_child(Work work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work() ? 0 : 1);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool is_disposed(int number, sighandler_t wanted) {
  struct sigaction action {};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == wanted;
}

TEST_CASE("FAULTS 38: descriptors 0 to 2 that are closed become /dev/null, and those that are open stay") {
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
           is_disposed(SIGTERM, SIG_DFL) && is_disposed(SIGPIPE, SIG_IGN);
  }));
}

TEST_CASE("FAULTS 37: orphans of its descendants come to the supervisor") {
  CHECK(in_a_child([] {
    normalize_process();
    int on = 0;
    return ::prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on == 1;
  }));
}

TEST_CASE("the limit of descriptors is raised to the hard one, and what it was is remembered for workers") {
  CHECK(in_a_child([] {
    rlimit limit{};
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 100;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    const rlimit original = raise_descriptor_limit();
    return original.rlim_cur == 100 && descriptor_limit() == limit.rlim_max;
  }));
}

TEST_CASE("FAULTS 68: a configuration is locked once, until the lock is given up") {
  const TempDirectory directory;
  const std::string file = directory.file("pool.json", "{}");
  {
    const auto first = lock_config(file);
    REQUIRE(first.ok());
    const auto second = lock_config(file);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().message() == file + ": another supervisor runs with this configuration");
  }
  CHECK(lock_config(file).ok());
}

TEST_CASE("FAULTS 68: the lock is not inherited by what is started") {
  const TempDirectory directory;
  const auto lock = lock_config(directory.file("pool.json", "{}"));
  REQUIRE(lock.ok());
  CHECK(test::is_close_on_exec(lock.value().get()));
}

TEST_CASE("a configuration that cannot be opened is named, and a pipe in its place does not block") {
  const TempDirectory directory;
  CHECK(lock_config(directory.at("missing")).error().message() ==
        directory.at("missing") + ": No such file or directory");
  REQUIRE(::mkfifo(directory.at("pipe").c_str(), 0600) == 0);
  CHECK(lock_config(directory.at("pipe")).ok());
}

TEST_CASE("the program knows the directory it is in") {
  CHECK(std::filesystem::exists(own_directory() + "/io-tests"));
}

}  // namespace
}  // namespace prefork
