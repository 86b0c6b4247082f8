// Children of this process by pidfd. The kernel gives the number of a process that has been reaped to another
// process, so a pid from outside proves nothing. A pidfd keeps to its process, and waitid() knows the
// children. Only a process that is a child now is signalled. Nothing here waits.
#pragma once

#include <sys/types.h>

#include "proto/fd.h"

namespace prefork {

/// Not valid when no process has this pid, or no descriptor is free.
[[nodiscard]] Fd open_pidfd(pid_t pid);
/// Whether the process is a child of this one now: it runs, or it has ended and was not reaped.
[[nodiscard]] bool is_child(const Fd& pidfd);
/// The same of the process that has the pid now.
[[nodiscard]] bool is_child(pid_t pid);
/// A pidfd of the child with this pid. Not valid when no child has it now (errno ECHILD or ESRCH), or when no
/// descriptor is free.
[[nodiscard]] Fd open_child(pid_t pid);
/// A child with this pid has ended and was not reaped.
[[nodiscard]] bool is_dead_child(pid_t pid);
/// The pid of a child that has ended and was not reaped, always the same one until it is; 0 when there is
/// none.
[[nodiscard]] pid_t first_dead_child();
/// While SIGCHLD is blocked, signals of this number interrupt nothing, and one of them stays pending.
void block_sigchld();
void unblock_sigchld();

}  // namespace prefork
