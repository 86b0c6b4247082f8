// Whether and how a child has ended, asked of the kernel itself.
#pragma once

#include <sys/types.h>

#include "proto/fd.h"
#include "supervisor/core/death_record.h"

namespace prefork {

/// True: a child that has not ended, or whose end a debugger holds back. A readable pidfd alone proves no
/// end: waitid(2) must name the process. False also for a process that is no child of ours any more.
[[nodiscard]] bool is_unfinished_child(pid_t pid);

/// Collects the exit status of a child that has ended. kVanished: it was collected before.
[[nodiscard]] Exit reap(const Fd& pidfd);

}  // namespace prefork
