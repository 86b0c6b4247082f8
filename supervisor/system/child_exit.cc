#include "supervisor/system/child_exit.h"

#include <sys/wait.h>

namespace prefork {

bool is_unfinished_child(pid_t pid) {
  siginfo_t child{};
  const int waited = ::waitid(P_PID, static_cast<id_t>(pid), &child, WEXITED | WNOHANG | WNOWAIT);
  return waited == 0 && child.si_pid == 0;
}

}  // namespace prefork
