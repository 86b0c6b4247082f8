// A filter of system calls (seccomp) that keeps this process from reading what stands behind high
// descriptors. It is there for good: it survives an exec, and what is forked or executed from here has it,
// too.
//
// It holds against mistakes and against code that was made to call what it should not. A process that
// somebody else controls altogether could still send itself a descriptor, or give it to another process.
#pragma once

#include "proto/result.h"

namespace prefork {

/// Whatever reads from descriptor `first` or one above it, or makes a lower number of it, fails with EPERM;
/// so does pidfd_getfd(2). What reads without naming descriptors, io_uring and Linux's AIO, fails with
/// ENOSYS. Not denied is recv(2) with no buffer, which discards. Sets no_new_privs.
[[nodiscard]] Result<void> deny_reading_from(int first);

}  // namespace prefork
