// Signals to a child of this process, never to a process that has got its pid since.
#pragma once

#include <sys/types.h>

#include "proto/fd.h"

namespace prefork {

/// Sends `number` to the process behind `pidfd`, whose pid is `pid`, if it is a child now. Without a valid
/// pidfd the child is named by its pid alone. A process that has ended gets nothing. False: it was not sent;
/// errno says why.
bool signal_child(const Fd& pidfd, pid_t pid, int number);

}  // namespace prefork
