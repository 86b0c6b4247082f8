#include "supervisor/system/child_process.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

namespace prefork {
namespace {

/// The pid of a dead child of this kind; 0 if it has none. Nothing if there is no such child. WNOWAIT leaves
/// it as it is.
std::optional<pid_t> dead_child(idtype_t kind, id_t id) {
  siginfo_t end{};
  if (::waitid(kind, id, &end, WEXITED | WNOHANG | WNOWAIT) < 0) return std::nullopt;
  return end.si_pid;
}

void mask_sigchld(int how) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  (void)::pthread_sigmask(how, &signals, nullptr);
}

}  // namespace

Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

bool is_child(const Fd& pidfd) {
  return pidfd.valid() && dead_child(P_PIDFD, static_cast<id_t>(pidfd.get())).has_value();
}

bool is_child(pid_t pid) { return dead_child(P_PID, static_cast<id_t>(pid)).has_value(); }

Fd open_child(pid_t pid) {
  Fd pidfd = open_pidfd(pid);
  if (!pidfd.valid() || is_child(pidfd)) return pidfd;
  pidfd.reset();
  errno = ECHILD;
  return pidfd;
}

bool is_dead_child(pid_t pid) { return dead_child(P_PID, static_cast<id_t>(pid)).value_or(0) != 0; }

pid_t first_dead_child() { return dead_child(P_ALL, 0).value_or(0); }

void block_sigchld() { mask_sigchld(SIG_BLOCK); }
void unblock_sigchld() { mask_sigchld(SIG_UNBLOCK); }

}  // namespace prefork
