#include "supervisor/spawner/clone.h"

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace prefork {
namespace {

pid_t clone3_with_pidfd(std::uint64_t flags, std::uint64_t exit_signal, int& descriptor) {
  clone_args arguments{};
  arguments.flags = flags;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&descriptor);
  arguments.exit_signal = exit_signal;
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

/// The older call, which takes the pidfd's address where clone3 has another field. The default rules of
/// container engines cannot look into the arguments of clone3, so they deny it, and allow this one.
pid_t clone_as_of_old(std::uint64_t flags, std::uint64_t exit_signal, int& descriptor) {
#if defined(__s390__)
  return static_cast<pid_t>(::syscall(SYS_clone, nullptr, flags | exit_signal, &descriptor, nullptr, 0UL));
#else
  return static_cast<pid_t>(::syscall(SYS_clone, flags | exit_signal, nullptr, &descriptor, nullptr, 0UL));
#endif
}

}  // namespace

pid_t clone_with_pidfd(CloneParent parent, Fd& pidfd) {
  std::uint64_t flags = CLONE_PIDFD;
  std::uint64_t exit_signal = SIGCHLD;
  if (parent == CloneParent::kParentOfCaller) {
    flags |= CLONE_PARENT;
    exit_signal = 0;  // a sibling has the caller's own, which is SIGCHLD
  }
  int descriptor = -1;
  pid_t pid = clone3_with_pidfd(flags, exit_signal, descriptor);
  if (pid < 0 && (errno == ENOSYS || errno == EPERM)) pid = clone_as_of_old(flags, exit_signal, descriptor);
  if (pid > 0) pidfd.reset(descriptor);
  return pid;
}

}  // namespace prefork
