// A seccomp filter of system calls that keeps this process from reading from high descriptors. It is
// irrevocable: it survives an exec, and processes forked or executed from here have it too.
//
// It stops mistakes, and code that an attacker makes call the wrong function. An attacker that controls the
// process entirely could still send a descriptor to the process itself, or to another process.
#pragma once

#include "proto/result.h"

namespace prefork {

/// Calls that read from descriptor `first` or one above it, or duplicate it to a lower number, fail with
/// EPERM; so does pidfd_getfd(2). Interfaces that read without naming descriptors, io_uring and Linux's AIO,
/// fail with ENOSYS. recv(2) without a buffer, which discards, is not denied. Sets no_new_privs.
[[nodiscard]] Result<void> deny_reading_from(int first);

}  // namespace prefork
