#include "supervisor/system/child_exit.h"

#include <sys/wait.h>

#include <cerrno>

namespace prefork {

bool is_unfinished_child(pid_t pid) {
  siginfo_t child{};
  const int waited = ::waitid(P_PID, static_cast<id_t>(pid), &child, WEXITED | WNOHANG | WNOWAIT);
  return waited == 0 && child.si_pid == 0;
}

Exit reap(const Fd& pidfd) {
  siginfo_t status{};
  int waited = 0;
  do {
    waited = ::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &status, WEXITED | WNOHANG);
  } while (waited < 0 && errno == EINTR);
  if (waited < 0 || status.si_pid == 0) return Exit{Exit::Kind::kVanished, 0};
  const auto kind = status.si_code == CLD_EXITED ? Exit::Kind::kExited : Exit::Kind::kSignaled;
  return Exit{kind, status.si_status};
}

}  // namespace prefork
