#include "supervisor/system/signal_child.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace prefork {

bool signal_child(const Fd& pidfd, pid_t pid, int number) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) == 0) return true;
  // A container's rules may deny the call. The pid of a child is its own until it is reaped, and nothing
  // reaps between the next two calls.
  if (errno != ENOSYS && errno != EPERM) return false;
  siginfo_t ignored{};
  if (::waitid(P_PID, static_cast<id_t>(pid), &ignored, WEXITED | WNOHANG | WNOWAIT) < 0) return false;
  return ::kill(pid, number) == 0;
}

}  // namespace prefork
