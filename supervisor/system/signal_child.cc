#include "supervisor/system/signal_child.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "supervisor/system/child_process.h"

namespace prefork {

bool signal_child(const Fd& pidfd, pid_t pid, int number) {
  // A pidfd need not be a child's: a process that is none can name itself as a worker.
  if (pidfd.valid()) {
    if (!is_child(pidfd)) return false;
    if (::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) == 0) return true;
    // A container's rules may deny the call.
    if (errno != ENOSYS && errno != EPERM) return false;
  }
  // The pid of a child is its own until it is reaped, and nothing reaps between these calls.
  return is_child(pid) && ::kill(pid, number) == 0;
}

}  // namespace prefork
